import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validate } from '../../../src/operator/admission.ts';
import { mayCall } from '../../../src/operator/hook.ts';
import type { VirtualMachine } from '../../../src/operator/types.ts';

const prefixes = ['https://hooks.example.org', 'https://shared.example.org/team-a'];

describe('the addresses of hooks', () => {
  it('are services of the own namespace', () => {
    for (const url of [
      'http://notify.own.svc',
      'https://notify.own.svc/',
      'http://notify.own.svc.cluster.local:8080/a?b',
      'http://NOTIFY.own.svc/',
    ])
      assert.equal(mayCall(url, 'own', []), true, url);
    for (const url of [
      'http://notify.other.svc/',
      'http://kubernetes.default.svc/',
      'http://own.svc/',
      'http://a.notify.own.svc/',
      'http://notify.own.svc.example.org/',
      'http://notify.own.svc@169.254.169.254/',
      'http://notify.own.svc:80@169.254.169.254/',
      'http://169.254.169.254/notify.own.svc/',
      'http://169.254.169.254\\.notify.own.svc/',
      'http://169.254.169.254#.own.svc/',
      'http://user:word@notify.own.svc/',
      'ftp://notify.own.svc/',
      'file:///notify.own.svc/',
      'notify.own.svc',
      '',
    ])
      assert.equal(mayCall(url, 'own', []), false, url);
    assert.equal(mayCall('http://169.254.169.254/', undefined as unknown as string, []), false);
  });

  it('are those that the deployment allows and what is below them, and none that only begins so', () => {
    for (const url of [
      'https://hooks.example.org',
      'https://hooks.example.org/any/where',
      'https://shared.example.org/team-a',
      'https://shared.example.org/team-a/start?x=1',
    ])
      assert.equal(mayCall(url, 'own', prefixes), true, url);
    for (const url of [
      'https://hooks.example.org.evil.example/',
      'https://hooks.example.org@evil.example/',
      'https://hooks.example.org:444/',
      'http://hooks.example.org/',
      'https://shared.example.org/team-ab',
      'https://shared.example.org/',
      'https://shared.example.org/team-a/../team-b',
      'https://shared.example.org/team-a/%2e%2e/team-b',
      'https://shared.example.org/team-a/..%2fteam-b',
      'https://shared.example.org/team-a/..%5Cteam-b',
      'https://shared.example.org/team-a/..\\team-b',
    ])
      assert.equal(mayCall(url, 'own', prefixes), false, url);
    assert.equal(
      mayCall('https://a.example/', 'own', ['', 'https://']),
      false,
      'an address that is none allows nothing',
    );
  });

  it('are refused when they are written, by the namespace of the request', () => {
    const spec = {
      template: {
        spec: {
          resources: { cpu: 1, memory: '1Gi', disk: '1Gi' },
          image: { source: 'image://a' },
          hooks: { preStop: { url: 'http://notify.own.svc/' } },
        },
      },
    };
    const object = { metadata: { name: 'a' }, spec } as unknown as VirtualMachine;
    const asked = { uid: 'u', operation: 'CREATE', object } as const;
    assert.equal(validate({ ...asked, namespace: 'own' }, []).allowed, true);
    assert.match(validate({ ...asked, namespace: 'other' }, []).status?.message ?? '', /hooks.preStop/);
    assert.equal(validate(asked, []).allowed, false);
  });
});
