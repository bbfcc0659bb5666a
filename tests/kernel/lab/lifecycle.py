#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A lab's life: up, exec, apply, delete, label, down, and what a kill -9 leaves.

usage: lifecycle.py [path of weir]
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

WEIR = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/weir")
LAB = "tlife%d" % (os.getpid() % 100000)
failed = 0

PODS = """
apiVersion: v1
kind: Namespace
metadata: {name: x}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: x, labels: {app: a}}
spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: x, labels: {app: b}}
spec:
  containers:
  - name: c
    ports: [{containerPort: 80}, {containerPort: 81, protocol: UDP}]
status: {podIP: 172.20.5.6}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, ports: [{containerPort: 5432}]}]}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: x}
spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Ingress]}
"""
NEW = """
apiVersion: v1
kind: Pod
metadata: {name: new, namespace: x}
spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}
"""
BROKEN = DENY.replace("podSelector", "podSelectr")


def weir(*args, timeout=60):
    return subprocess.run([WEIR, "lab", *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout)


def lab(command, *args, **kw):
    return weir(command, "--name", LAB, *args, **kw)


def run(pod, *argv):
    return lab("exec", pod, "--", *argv)


def check(name, good, why=""):
    global failed
    print(f"ok {name}" if good else f"FAIL {name} {why}", flush=True)
    failed += not good
    return good


def said(r):
    return f"exit {r.returncode}: {r.stdout.strip()} {r.stderr.strip()}"


def left_behind():
    """Everything of the lab that is still on the machine."""
    names = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    left = [n for n in names if n.startswith(f"weir-{LAB}-")]
    with open("/proc/self/mounts") as f:
        left += [line.split()[1] for line in f if f"/weir/lab/{LAB}" in line]
    if os.path.exists(f"/run/weir/lab/{LAB}"):
        left.append(f"/run/weir/lab/{LAB}")
    # a server's command line names its pod, so look at what they run and in which namespace
    home = os.stat("/proc/self/ns/net").st_ino
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
            inode = os.stat(f"/proc/{pid}/ns/net").st_ino
        except OSError:
            continue
        serves = b"serve-pod" in words or any(f"/lab/{LAB}/".encode() in w for w in words)
        if serves and inode != home and inode not in other_spaces():
            left.append(f"process {pid} {words[:4]}")
    return left


def other_spaces():
    """Namespaces of other labs, whose servers do not count."""
    out = set()
    for n in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        if not n.startswith(f"weir-{LAB}-"):
            out.add(os.stat(f"/run/netns/{n}").st_ino)
    return out


def pods():
    r = lab("get", "pods", "-o", "json")
    return {p["metadata"]["name"]: p for p in json.loads(r.stdout)["items"]}


def ips(pod):
    return [i["ip"] for i in pod["status"]["podIPs"]]


def reaches(address, port, *more):
    return run("x/a", "nc", "-w", "1", *more, address, str(port))


def test_up(d):
    begin = time.monotonic()
    r = lab("up", "-f", f"{d}/pods.yaml", "--nodes", "2", "--outside", "10.10.10.10=db.example.com")
    took = time.monotonic() - begin
    if not check("up", r.returncode == 0, said(r)):
        return False
    check("up-is-quick", took < 5, f"{took:.1f} s")
    r = lab("up", "-f", f"{d}/pods.yaml")
    check("up-twice-is-an-error", r.returncode == 2 and "running already" in r.stderr, said(r))
    p = pods()
    check("replicas", sum(n.startswith("web-") for n in p) == 2 and "db-0" in p, str(list(p)))
    check("pod-ip-honoured", ips(p["b"])[0] == "172.20.5.6", str(ips(p["b"])))
    check("both-nodes", {q["spec"]["nodeName"] for q in p.values()} == {"node-1", "node-2"})
    return True


def test_packets():
    p = pods()
    for family, mine, address in zip((4, 6), ips(p["a"]), ips(p["b"])):
        r = run("x/a", "ping", "-c", "1", "-W", "2", address)
        check(f"ping-ipv{family}", r.returncode == 0, said(r))
        r = reaches(address, 80)
        check(f"tcp-reply-ipv{family}", r.stdout == f"b {mine}\n", said(r))
        r = run("x/a", "sh", "-c", f"echo | nc -u -w 1 {address} 81")
        check(f"udp-reply-ipv{family}", r.stdout == f"b {mine}\n", said(r))
    r = reaches(ips(p["b"])[0], 82)
    check("undeclared-port-is-refused", r.returncode != 0 and not r.stdout, said(r))
    r = reaches("db.example.com", 5432)
    check("outside-by-name", r.stdout.startswith("outside 192.168.77."), said(r))
    r = run("x/a", "sh", "-c", "exit 7")
    check("exec-exit-status", r.returncode == 7, said(r))
    r = run("x/nobody", "true")
    check("exec-no-such-pod", r.returncode == 2, said(r))


def test_changes(d):
    r = lab("apply", "-f", f"{d}/broken.yaml")
    check("apply-broken", r.returncode == 2 and "podSelectr" in r.stderr, said(r))
    check("apply-broken-changes-nothing", reaches("172.20.5.6", 80).returncode == 0)
    r = lab("apply", "-f", f"{d}/deny.yaml")
    check("apply", r.returncode == 0, said(r))
    r = reaches("172.20.5.6", 80)
    check("apply-denies", r.returncode != 0 and not r.stdout, said(r))
    r = lab("label", "pod", "x/b", "app=c")
    check("label-needs-overwrite", r.returncode == 2, said(r))
    r = lab("label", "pod", "x/b", "app=c", "--overwrite")
    check("label", r.returncode == 0, said(r))
    check("label-frees", reaches("172.20.5.6", 80).returncode == 0)
    r = lab("label", "pod", "x/b", "app=b", "--overwrite")
    check("label-back-denies", r.returncode == 0 and reaches("172.20.5.6", 80).returncode != 0)
    r = lab("delete", "-f", f"{d}/deny.yaml")
    check("delete", r.returncode == 0 and reaches("172.20.5.6", 80).returncode == 0, said(r))
    r = lab("apply", "-f", f"{d}/new.yaml")
    new = pods().get("new")
    check("apply-pod", r.returncode == 0 and new is not None, said(r))
    if new:
        r = reaches(ips(new)[0], 80)
        check("new-pod-answers", r.stdout.startswith("new "), said(r))
        r = lab("delete", "-f", f"{d}/new.yaml")
        check("delete-pod", r.returncode == 0 and "new" not in pods(), said(r))
        check("deleted-pod-is-gone", reaches(ips(new)[0], 80).returncode != 0)


def test_down():
    r = lab("down")
    check("down", r.returncode == 0, said(r))
    check("down-leaves-nothing", not left_behind(), str(left_behind()))
    r = lab("down")
    check("down-again", r.returncode == 0, said(r))


def test_broken(d):
    r = lab("up", "-f", f"{d}/broken.yaml")
    check("up-broken", r.returncode == 2 and "broken.yaml:" in r.stderr, said(r))
    check("up-broken-makes-nothing", not left_behind(), str(left_behind()))


def test_killed(d):
    for after in (0.02, 0.1, 0.2, 0.3, 0.45, 0.6):
        p = subprocess.Popen([WEIR, "lab", "up", "--name", LAB, "-f", f"{d}/pods.yaml", "--nodes", "2"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(after)
        p.send_signal(signal.SIGKILL)
        p.wait()
        r = lab("down")
        check(f"down-after-kill-at-{after}", r.returncode == 0 and not left_behind(),
              said(r) + str(left_behind()))


def test_damaged(d):
    lab("up", "-f", f"{d}/pods.yaml")
    with open(f"/run/weir/lab/{LAB}/state.json", "w") as f:
        f.write("{")
    r = lab("status")
    check("damaged-state-is-told", r.returncode == 2 and "lab down" in r.stderr, said(r))
    r = lab("down")
    check("down-with-damaged-state", r.returncode == 0 and not left_behind(), said(r))


def main():
    if os.geteuid():
        print("skip lifecycle needs root")
        return 0
    r = subprocess.run([WEIR, "version", "-o", "json"], capture_output=True, text=True, timeout=30)
    if not json.loads(r.stdout)["datapath"]:
        print("skip lifecycle this kernel lacks what the datapath needs (weir version)")
        return 0
    with tempfile.TemporaryDirectory() as d:
        for name, text in (("pods", PODS), ("deny", DENY), ("new", NEW), ("broken", BROKEN)):
            with open(f"{d}/{name}.yaml", "w") as f:
                f.write(text)
        try:
            if test_up(d):
                test_packets()
                test_changes(d)
            test_down()
            test_broken(d)
            test_killed(d)
            test_damaged(d)
        finally:
            lab("down")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
