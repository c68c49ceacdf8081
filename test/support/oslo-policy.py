# Why: the reference for src/policies/engine.ts. Reads cases as JSON lines, answers each with what oslo.policy says.
#
# A case: {"rules": {name: rule}, "asks": [{"name", "creds", "target"}]}
# An answer: {"understood": bool, "answers": [true | false | "error"]}
# "understood" is false where oslo.policy logs that it failed to understand a rule, or takes it apart but is bound to crash on it.
import ast
import json
import logging
import sys
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.NOTSET)

from oslo_config import cfg
from oslo_policy import _checks, policy


class Counter(logging.Handler):
    count = 0

    def emit(self, record):
        if record.name == 'oslo_policy._parser':
            Counter.count += 1


root = logging.getLogger()
root.handlers = [Counter()]
root.setLevel(logging.ERROR)

conf = cfg.ConfigOpts()
conf([], project='reference')


def sound(check):
    """Whether a check tree is one, and can be evaluated without a syntax error of Python in its kinds."""
    if isinstance(check, _checks.NotCheck):
        return sound(check.rule)
    if isinstance(check, (_checks.AndCheck, _checks.OrCheck)):
        return all([sound(part) for part in check.rules])
    if isinstance(check, _checks.GenericCheck):
        try:
            ast.literal_eval(check.kind)
        except ValueError:
            pass
        except Exception:
            return False
    if isinstance(check, (_checks.GenericCheck, _checks.RoleCheck)):
        class Any(dict):
            def __missing__(self, key):
                return 'x'
        try:
            check.match % Any()
        except Exception:
            return False
    return isinstance(check, _checks.BaseCheck)


def answer(case):
    Counter.count = 0
    try:
        rules = policy.Rules.from_dict(case['rules'], 'default')
    except Exception:
        return {'understood': False, 'answers': []}
    if Counter.count or not all([sound(check) for check in rules.values()]):
        return {'understood': False, 'answers': []}
    enforcer = policy.Enforcer(conf, rules=rules, default_rule='default', use_conf=False)
    enforcer.set_rules(rules, use_conf=False)
    answers = []
    for ask in case['asks']:
        try:
            answers.append(bool(enforcer.enforce(ask['name'], ask['target'], dict(ask['creds']))))
        except (Exception, RecursionError):
            answers.append('error')
    return {'understood': True, 'answers': answers}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=False)
