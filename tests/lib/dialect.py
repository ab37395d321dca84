# SPDX-License-Identifier: MIT
"""The languages of Dovecot's configuration.

Tests speak 2.3's. Where the Dovecot that is installed has another, translate() and the functions
below say in it what they mean: all that differs is a row of a table here. Texts in another language
than 2.3's are left as they are.
"""

import functools
import itertools
import re
import shutil
import subprocess

# What a private Dovecot has in any case.
BASE = """\
base_dir = {base_dir}
state_dir = {root}/state
log_path = {log}
listen = {listen}
protocols = {protocols}
ssl = yes
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login apop
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:{root}/mail/%u
mail_fsync = never
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = passwd-file
  args = {passwd}/%u
}}
userdb {{
  driver = passwd-file
  args = {passwd}/%u
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

NATIVE = {
    None: "",
    "binary": """\
service imap {{
  executable = imap postlogin
}}
service pop3 {{
  executable = pop3 postlogin
}}
service submission {{
  executable = submission postlogin
}}
service postlogin {{
  executable = script-login -d rawlog {flags}
  unix_listener postlogin {{
  }}
}}
""",
}

# From here on: 2.4.

# In front of everything. Without last_valid_gid 2.4.5 lets nobody in who has a post-login service
# ("Invalid last_value_gid").
HEAD = """\
dovecot_config_version = {version}
dovecot_storage_version = {version}
last_valid_gid = 2147483647
"""

VARIABLES = {
    "%u": "%{user}", "%n": "%{user | username}", "%d": "%{user | domain}", "%h": "%{home}",
    "%s": "%{service}", "%l": "%{local_ip}", "%r": "%{remote_ip}", "%p": "%{process:pid}",
    "%i": "%{process:uid}", "%%": "%",
    # of login_log_format_elements
    "%m": "%{mechanism}", "%a": "%{local_port}", "%b": "%{remote_port}", "%e": "%{mail_pid}",
    "%{username}": "%{user | username}", "%{domain}": "%{user | domain}",
    "%{auth_username}": "%{auth_user | username}", "%{auth_domain}": "%{auth_user | domain}",
    "%{lip}": "%{local_ip}", "%{rip}": "%{remote_ip}", "%{pid}": "%{process:pid}",
    "%{uid}": "%{process:uid}",
    "%Lu": "%{user | lower}", "%Us": "%{service | upper}", "%Un": "%{user | username | upper}",
    "%0.1n": "%{user | username | substr(0, 1)}",
}
# The settings that have them. In others (lmtp_rawlog_dir) a % is a %.
WITH_VARIABLES = ("args", "login_log_format_elements", "mail_attribute_dict", "mail_home",
                  "mail_location", "rawlog_dir", "submission_relay_rawlog_dir")
OPTIONS = ("--rawlog-dir", "--submission-relay-rawlog-dir")
SETTING = re.compile(rf"^( *(?:{'|'.join(WITH_VARIABLES)}) = )(.*)$", re.MULTILINE)

# (regular expression, what stands there instead), for whole lines.
LINES = [(re.compile(f"^( *){pattern}$", re.MULTILINE), rf"\1{text}") for pattern, text in (
    (r"ssl_(cert|key|ca) = <(.*)", r"ssl_server_\2_file = \3"),
    (r"ssl_require_crl = (.*)", r"ssl_server_require_crl = \2"),
    (r"ssl_verify_client_cert = (.*)", r"ssl_server_request_client_cert = \2"),
    (r"disable_plaintext_auth = no", r"auth_allow_cleartext = yes"),
    (r"mail_location = (\w+):(.*)", r"mail_driver = \2\n\1mail_path = \3"),
    (r"mail_attribute_dict = (\w+):(.*)", r"mail_attribute {\n  dict \2 {\n    path = \3\n  }\n}"),
    (r"service_count = 0", r"restart_request_count = unlimited"),
    (r"service_count = (.*)", r"restart_request_count = \2"),
    (r"mail_plugins = imap_zlib", r"# COMPRESS is no plugin's"),
)]

# A block has a name of its own.
DATABASE = re.compile(r"^(passdb|userdb) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
ARGUMENTS = {"passwd-file": "passwd_file_path = {}", "static": "passdb_static_{}"}

ENVIRONMENT = re.compile(r"^import_environment = (.*)$", re.MULTILINE)

_serial = itertools.count(1)


@functools.cache
def version():
    """Of the Dovecot that is installed, as "2.3.19"; "0" if there is none."""
    if not shutil.which("dovecot"):
        return "0"
    said = subprocess.run(["dovecot", "--version"], check=True, capture_output=True, text=True)
    return re.match(r"\d+\.\d+\.\d+", said.stdout)[0]


def is_new():
    return tuple(map(int, version().split("."))) >= (2, 4)


def translate(text):
    """A part of a configuration."""
    if not is_new():
        return text
    text = SETTING.sub(lambda setting: setting[1] + variables(setting[2]), text)
    for pattern, instead in LINES:
        text = pattern.sub(instead, text)
    text = ENVIRONMENT.sub(_environment, text)
    return DATABASE.sub(_database, text)


def variables(text):
    """A text with variables: a setting's value, an option of rawtap's."""
    if "%" not in text or not is_new():
        return text
    return re.sub(r"%(?:[\d.A-Z]*\w|%|\{\w+\})", lambda name: VARIABLES.get(name[0], name[0]), text)


def options(args):
    """Of rawtap, as strings."""
    return [variables(arg) if before in OPTIONS else arg
            for before, arg in itertools.pairwise(["rawtap", *map(str, args)])]


def configuration(**values):
    head = HEAD.format(version=version()) if is_new() else ""
    return head + translate(BASE.format(**values))


def fields(userdb):
    """What userdb says of a user."""
    if not is_new() or "mail" not in userdb:
        return userdb
    driver, path = userdb["mail"].split(":")
    return {name: value for name, value in userdb.items() if name != "mail"} | {
        "mail_driver": driver, "mail_path": path}


def _database(block):
    settings = dict(re.findall(r"^ *(\w+) = (.*)$", block[2], re.MULTILINE))
    driver = settings["driver"]
    if "args" in settings:
        key, _, value = ARGUMENTS[driver].format(settings.pop("args")).partition("=")
        settings[key.strip()] = value.strip()
    lines = "".join(f"  {name} = {value}\n" for name, value in settings.items())
    return f"{block[1]} {driver}-{next(_serial)} {{\n{lines}}}"


def _environment(setting):
    words = setting[1].removeprefix("$import_environment").split()
    lines = "".join("  {} = {}\n".format(*word.split("=", 1)) for word in words)
    return f"import_environment {{\n{lines}}}"
