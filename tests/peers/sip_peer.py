"""Lets real switches and telephones ask us: SIPp calls through Kamailio to the target that we decide, SIPp and baresip follow our redirect.

Started by `cargo xtask test` with a JSON file that says where the server is, where the programs are, and in which folder to work. All of it
is on this machine. It ends with an error at the first call that does not arrive where it was sent.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

GIVEN = json.loads(pathlib.Path(sys.argv[1]).read_text())
HERE = pathlib.Path(__file__).parent
WORK = pathlib.Path(GIVEN["work"])
ROOT = pathlib.Path(GIVEN["root"])
LIBRARIES = [ROOT / "usr/lib/x86_64-linux-gnu", ROOT / "usr/lib/x86_64-linux-gnu/kamailio", ROOT / "lib/x86_64-linux-gnu", ROOT / "usr/lib"]
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, LIBRARIES)), "TERM": "dumb"}


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def begin(name: str, *command: object) -> subprocess.Popen:
    log = open(WORK / f"{name}.log", "wb")
    return subprocess.Popen([str(part) for part in command], cwd=WORK, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def call(name: str, remote: str, number: str, scenario: list) -> None:
    sipp = begin(name, GIVEN["sipp"], remote, "-s", number, "-m", 1, "-i", "127.0.0.1", "-p", free_port(), "-timeout", "15s", "-nostdin", *scenario)
    try:
        assert sipp.wait(30) == 0, f"{name}: SIPp ended with {sipp.returncode}\n{(WORK / (name + '.log')).read_text(errors='replace')[-3000:]}"
    finally:
        end(sipp)


def target(name: str, port: int) -> subprocess.Popen:
    return begin(name, GIVEN["sipp"], "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-m", 1, "-timeout", "30s", "-nostdin", "-trace_msg", "-message_file", WORK / f"{name}.messages")


def arrived(process: subprocess.Popen, name: str, user: str, port: int, tenant: str) -> None:
    assert process.wait(20) == 0, f"{name}: the target ended with {process.returncode}"
    seen = (WORK / f"{name}.messages").read_text(errors="replace")
    assert re.search(rf"INVITE sip:{user}@127\.0\.0\.1:{port}", seen), seen[:2000]
    assert f"X-Tenant-Id: {tenant}" in seen, seen[:2000]


def wait_for_udp(address: str) -> None:
    host, port = address.rsplit(":", 1)
    probe = f"OPTIONS sip:x@{address} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKprobe;rport\r\nFrom: <sip:p@h>;tag=p\r\nTo: <sip:x@h>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.2)
        for _ in range(100):
            one.sendto(probe.encode(), (host, int(port)))
            try:
                one.recv(2048)
                return
            except OSError:
                time.sleep(0.05)
    raise AssertionError(f"nobody answers at {address}")


def kamailio() -> None:
    at = f"127.0.0.1:{free_port()}"
    modules = next(path.parent for path in ROOT.rglob("rtjson.so"))
    text = (HERE / "kamailio.cfg").read_text()
    for word, value in [("MODULES", f"{modules}/"), ("TOKEN", GIVEN["token"]), ("ASK", f"{GIVEN['url']}/hooks/kamailio/route"), ("AT", at)]:
        text = re.sub(rf"\b{word}\b(?=[\"\\\n])" if word != "AT" else r"(?<=udp:)AT\b", value, text)
    (WORK / "kamailio.cfg").write_text(text)
    switch = begin("kamailio", ROOT / "usr/sbin/kamailio", "-f", WORK / "kamailio.cfg", "-DD", "-E", "-Y", WORK, "-m", 64, "-M", 8)
    port = GIVEN["queues_port"]
    uas = target("uas-kamailio", port)
    try:
        wait_for_udp(at)
        call("uac-kamailio", at, GIVEN["number"].lstrip("+"), ["-sf", HERE / "uac_call.xml"])
        arrived(uas, "uas-kamailio", "sales", port, "acme")
        call("uac-unknown", at, "15555555555", ["-sf", HERE / "uac_refused.xml"])
    except AssertionError:
        sys.stderr.write((WORK / "kamailio.log").read_text(errors="replace")[-3000:])
        raise
    finally:
        end(uas)
        end(switch)
    print("SIPp called through Kamailio to the decided target, with the tenant's header; a number of nobody's got 404")


def redirect() -> None:
    number = GIVEN["number"].lstrip("+")
    call("uac-redirected", GIVEN["sip"], number, ["-sf", HERE / "uac_redirected.xml"])
    call("uac-redirected-tcp", GIVEN["sip"], number, ["-sf", HERE / "uac_redirected.xml", "-t", "t1"])
    call("uac-nobody", GIVEN["sip"], "15555555555", ["-sf", HERE / "uac_refused.xml"])
    print("SIPp was redirected over UDP and TCP, and refused where the number is nobody's")


def baresip() -> None:
    config = WORK / "baresip"
    config.mkdir(exist_ok=True)
    modules = next(path.parent for path in ROOT.rglob("g711.so"))
    names = ["account.so", "menu.so", "g711.so", "aubridge.so"]
    lines = [f"module_path {modules}", "sip_listen 127.0.0.1:%d" % free_port(), "audio_player aubridge,nil", "audio_source aubridge,nil", "audio_alert aubridge,nil"]
    lines += [f"module{'_app' if name in ('account.so', 'menu.so') else ''} {name}" for name in names]
    (config / "config").write_text("\n".join(lines) + "\n")
    (config / "accounts").write_text("<sip:+14155550100@127.0.0.1>;regint=0\n")
    (config / "contacts").write_text("")
    port = GIVEN["queues_port"]
    uas = target("uas-baresip", port)
    number = GIVEN["number"].lstrip("+")
    phone = begin("baresip", ROOT / "usr/bin/baresip", "-4", "-f", config, "-e", f"/dial sip:{number}@{GIVEN['sip']}", "-t", 8)
    try:
        for _ in range(100):
            if "INVITE" in ((WORK / "uas-baresip.messages").read_text(errors="replace") if (WORK / "uas-baresip.messages").exists() else ""):
                break
            time.sleep(0.1)
        seen = (WORK / "uas-baresip.messages").read_text(errors="replace")
        assert re.search(rf"INVITE sip:sales@127\.0\.0\.1:{port}", seen), seen[:2000]
    except (AssertionError, OSError):
        sys.stderr.write((WORK / "baresip.log").read_text(errors="replace")[-3000:])
        raise
    finally:
        end(phone)
        end(uas)
    print("baresip followed the redirect to its target")


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    kamailio()
    redirect()
    baresip()
