# SPDX-License-Identifier: MIT
"""Files and functions that the documents and the comments of C files name are there."""

import re

import pytest

import check_style
from recorder import REPOSITORY

# Not <...>, ~/..., /usr/...
PATH = re.compile(r"(?<![\w/.<~$*-])(?:\./)?((?:[\w.*-]+/)+[\w.*-]+"
                  r"\.(?:c|h|py|sh|md|rls|txt|cfg|8))\b")
TEST = re.compile(r"\b([\w/]+\.py)::(\w+)")
FUNCTION = re.compile(r"\b([A-Za-z_]\w*)\(\)")
PLACEHOLDER = re.compile(r"NAME|SUITE")
# A comment, or a text in quotes, which may have what looks like one.
TOKEN = re.compile(r"(?P<comment>/\*.*?\*/|//[^\n]*)|"
                   r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)

# Of other programs: Dovecot's sources, Linux's.
OTHERS_PATH = re.compile(r"(?:lib|lib-[\w-]+|util|login-common|(?:imap|pop3|submission)(?:-login)?"
                         r"|arch|net|include/(?:net|uapi)|kernel/(?:bpf|events|trace))/.*\.[ch]")
OTHERS = set("""
    auth_user_fields_parse buffer_truncate_rshift_bits client_handle_input client_read_cmd_name
    cmd_auth cmd_authenticate cmd_compress config_write_keyvariable connection_is_valid_dns_name
    i_stream_next_line
    iostream_rawlog_try_create_tcp iostream_rawlog_write_buffered mail_user_home_expand
    mail_user_var_expand_params mail_storage_service_fields_var_expand
    mail_user_var_expand_table my_hostdomain net_addr2ip net_addr2ip_inet4_fast net_ip2addr
    net_str2hostport o_stream_multiplex_send_stream smtp_client_connection_ssl_init
    smtp_server_connection_ssl_init smtp_server_connection_update_rawlog ssl_module_load
    str_hash str_nescape str_sanitize_append_utf8 t_strsplit_tabescaped uni_utf8_get_char
    var_expand_hash verify_xid wildcard_match_icase

    __bpf_prog_enter_recur __bpf_trace_run bpf_preempt_disable bpf_prog_get_recursion_context
    do_coredump sock_orphan
    tcp_finish_connect tcp_recvmsg tcp_v4_connect tcp_v6_connect

    BIO_new_bio_pair BIO_write SSL_free SSL_read SSL_write
""".split())


def comments(text):
    return "\n".join(match["comment"] or "" for match in TOKEN.finditer(text))


def texts():
    """{path: what is said there}"""
    readers = {".md": str, ".c": comments, ".h": comments}
    return {path: readers[path.suffix](path.read_text())
            for path in check_style.files() if path.suffix in readers}


def known_functions():
    """Whatever is defined or called in C, and what is defined in Python."""
    found = set()
    for path in check_style.files():
        if path.suffix in (".c", ".h"):
            code = TOKEN.sub(lambda match: " " if match["comment"] else '""', path.read_text())
            found |= set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", code))
        elif path.suffix == ".py":
            found |= set(re.findall(r"\bdef (\w+)\(", path.read_text()))
    return found


TEXTS = texts()
KNOWN = known_functions()


def is_there(name, folder):
    """A path as it is said from the top, from one of these folders, or from the text's own."""
    pattern = PLACEHOLDER.sub("*", name)
    return any(list((REPOSITORY / base).glob(pattern)) for base in ("", "user", "tests", folder))


def lost_paths(text, folder=""):
    return [name for name in PATH.findall(text)
            if not OTHERS_PATH.fullmatch(name) and not is_there(name, folder)]


def lost_tests(text):
    """FILE::TEST, which is below tests/."""
    def defines(path, name):
        return path.exists() and re.search(rf"^def {name}\(", path.read_text(), re.M)
    return [f"{file}::{name}" for file, name in TEST.findall(text)
            if not defines(REPOSITORY / "tests" / file, name)]


def lost_functions(text):
    return [name for name in FUNCTION.findall(text) if name not in KNOWN | OTHERS]


def test_what_is_named_is_there():
    """A function of another program belongs into OTHERS."""
    lost = {str(path.relative_to(REPOSITORY)):
            lost_paths(text, path.parent.relative_to(REPOSITORY)) + lost_functions(text) +
            lost_tests(text)
            for path, text in TEXTS.items()}
    assert {path: names for path, names in lost.items() if names} == {}


def test_others_functions_are_named_and_not_ours():
    named = {name for text in TEXTS.values() for name in FUNCTION.findall(text)}
    assert OTHERS <= named
    assert not OTHERS & KNOWN


@pytest.mark.parametrize("text, lost", [
    ("`user/main.c`, engine/engine.c, ./scripts/check.sh, [x](docs/RULES.md)", []),
    ("`unit/test_NAME.c`, bpf/on_*.bpf.h, kernel/bpf/trampoline.c, lib/net.c:", []),
    ("/usr/share/doc/x.txt, ~/a/b.c, <bpf/bpf.h>", []),
    ("`user/expand.c`", ["user/expand.c"]),
    ("(tests/vm/inside.py, lib/none.py)", ["tests/vm/inside.py", "lib/none.py"]),
    ("users/NAME.c or bpf/none_*.bpf.c.", ["users/NAME.c", "bpf/none_*.bpf.c"]),
])
def test_a_lost_path_is_found(text, lost):
    assert lost_paths(text) == lost


def test_a_lost_function_is_found():
    assert lost_functions("main() calls no_such_function(), not memcpy()") == ["no_such_function"]


def test_a_lost_test_is_found():
    text = "`consistency/test_names.py::test_a_lost_test_is_found`, `consistency/test_names.py::test_no`"
    assert lost_tests(text) == ["consistency/test_names.py::test_no"]
    assert lost_tests("e2e/test_none.py::test_it") == ["e2e/test_none.py::test_it"]


def test_comments_alone():
    text = 'int f(void); /* g() */\nconst char *a = "/* h() */"; // i()\nchar b = \'"\'; /* j()\n*/'
    assert FUNCTION.findall(comments(text)) == ["g", "i", "j"]
