import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/base/errors.ts';
import { parseHypervisorUri } from '../../../../src/virt/libvirt/uri.ts';

const env = { XDG_RUNTIME_DIR: '/run/user/7', HOME: '/home/x' };
const unix = (path: string, name: string) => ({ name, endpoint: { kind: 'unix', path } });
const tcp = (host: string, port: number) => ({ name: 'qemu:///system', endpoint: { kind: 'tcp', host, port } });

describe('URIs of libvirt', () => {
  it('reads those that the program can open', () => {
    const cases: readonly (readonly [string, object])[] = [
      ['qemu:///system', unix('/run/libvirt/libvirt-sock', 'qemu:///system')],
      ['qemu:///session', unix('/run/user/7/libvirt/libvirt-sock', 'qemu:///session')],
      ['qemu+unix:///system?socket=/tmp/a/sock', unix('/tmp/a/sock', 'qemu:///system')],
      ['qemu+unix:///session?socket=/tmp/b', unix('/tmp/b', 'qemu:///session')],
      ['test:///default', unix('/run/libvirt/libvirt-sock', 'test:///default')],
      ['test+unix:///default?socket=/tmp/c', unix('/tmp/c', 'test:///default')],
      ['qemu+tcp://host/system', tcp('host', 16_509)],
      ['qemu+tcp://10.0.0.1:99/system', tcp('10.0.0.1', 99)],
      ['qemu+tcp://[::1]:99/system', tcp('::1', 99)],
    ];
    for (const [uri, address] of cases) assert.deepEqual(parseHypervisorUri(uri, env), address, uri);
    const { endpoint } = parseHypervisorUri('qemu:///session', { HOME: '/home/x' });
    assert.deepEqual(endpoint, { kind: 'unix', path: '/home/x/.cache/libvirt/libvirt-sock' });
  });

  it('refuses the others, saying why', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['', /Not a URI/],
      ['qemu', /Not a URI/],
      ['xen:///system', /driver: xen/],
      ['qemu://host/system', /would use TLS/],
      ['qemu+tls://host/system', /transport tls/],
      ['qemu+ssh://root@host/system', /Not a URI|transport ssh/],
      ['qemu+tcp:///system', /names a host/],
      ['qemu+tcp://host:0/system', /No such port/],
      ['qemu+tcp://host:70000/system', /No such port/],
      ['qemu+unix:///system?socket=relative', /not an absolute path/],
      ['qemu:///system?keepalive=1', /parameter keepalive/],
    ];
    for (const [uri, message] of cases) {
      assert.throws(
        () => parseHypervisorUri(uri, env),
        (error) => error instanceof Fault && error.kind === 'badRequest' && message.test(error.message),
        uri,
      );
    }
    assert.throws(() => parseHypervisorUri('qemu:///session', {}), /XDG_RUNTIME_DIR/);
  });
});
