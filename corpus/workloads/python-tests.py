#!/usr/bin/python3
"""Runs modules of CPython's own test suite, each by python3 -m test in a process of its own, and prints for each how many tests ran, were skipped and failed:

    python-tests.py SECONDS MODULE...       a module may take that long

With -v in front of the seconds also what failed, on standard error.
"""
import os, subprocess, sys, xml.etree.ElementTree

arguments = sys.argv[1:]
verbose = arguments[0] == '-v'
limit, *modules = arguments[verbose:]
results = '/tmp/results.xml'
for module in modules:
    if os.path.exists(results):
        os.unlink(results)
    child = subprocess.Popen([sys.executable, '-m', 'test', '-v', '-u', 'none,cpu', '--junit-xml', results, module], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', cwd='/tmp', start_new_session=True)
    try:
        output, _ = child.communicate(timeout=float(limit))
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.wait()
        print(f'{module}\ttime', flush=True)
        continue
    if not os.path.exists(results):
        print(f'{module}\tdied {child.returncode}', flush=True)
        if verbose:
            print(output[-10000:], file=sys.stderr)
        continue
    cases = list(xml.etree.ElementTree.parse(results).iter('testcase'))
    failed = [case for case in cases if case.find('failure') is not None or case.find('error') is not None]
    print(f'{module}\t{len(cases)}/{sum(case.find("skipped") is not None for case in cases)}/{len(failed)}', flush=True)
    if verbose:
        for case in cases:
            for outcome in case:
                if outcome.tag in ('failure', 'error', 'skipped'):
                    print(f'{outcome.tag} {case.get("name")}: {(outcome.text or "").strip()[-3000 if outcome.tag != "skipped" else -100:]}', file=sys.stderr)
