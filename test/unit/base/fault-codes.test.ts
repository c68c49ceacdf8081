import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { badRequest, Fault, type FaultCode, internal, outwardMessage } from '../../../src/base/errors.ts';
import { faultCodeOf, faultCodes, isInnerCode } from '../../../src/base/fault-codes.ts';
import { areAmounts, invariant } from '../../../src/base/invariant.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

describe('codes of faults', () => {
  it('are a closed list: another one does not compile', () => {
    // @ts-expect-error -- that is what is tested
    const wrong: FaultCode = 'noValidHosts';
    // @ts-expect-error -- as it is where a fault is made
    badRequest('', { code: 'libvirt.sixty' });
    // @ts-expect-error -- nor is any word a verb of drivers
    badRequest('', { code: 'driver.resuce' });
    assert.equal(badRequest('', { code: 'driver.rescue' }).code, 'driver.rescue');
    const fault = badRequest('');
    // @ts-expect-error -- and where it is compared
    assert.equal(fault.code === 'badRequests', false);
    assert.equal(typeof wrong, 'string');
  });

  it('are each in use somewhere', () => {
    const files = execFileSync('git', ['ls-files', 'src/*.ts'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
    const others = files.filter((file) => file !== '' && !file.endsWith('/fault-codes.ts'));
    const text = others.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n');
    // these are made of `libvirt.` and what was the trouble
    const isUsed = (code: string) => text.includes(`'${code}'`) || text.includes(`'${code.replace(/^libvirt\./, '')}'`);
    assert.deepEqual(
      faultCodes.filter((code) => !isUsed(code)),
      [],
    );
    assert.ok(faultCodes.length > 100);
  });

  it('that came from elsewhere are ours or the kind', () => {
    assert.equal(faultCodeOf('PortInUse', 'conflict'), 'PortInUse');
    assert.equal(faultCodeOf('libvirt.67', 'conflict'), 'libvirt.67');
    assert.equal(faultCodeOf('driver.rescue', 'conflict'), 'driver.rescue');
    assert.equal(faultCodeOf('SubnetMtuTooSmall', 'conflict'), 'conflict');
    assert.equal(faultCodeOf('toString', 'conflict'), 'conflict');
  });

  it('say whose words the message is in', () => {
    for (const code of ['libvirt.1', 'libvirt.closed', 'program.failed', 'bus.nobody', 'invariant'] as const) {
      assert.ok(isInnerCode(code), code);
      assert.doesNotMatch(outwardMessage({ code, message: 'qemu-7' }), /qemu/);
    }
    assert.equal(outwardMessage({ code: 'quota', message: 'Too much.' }), 'Too much.');
  });
});

describe('an invariant', () => {
  it('that is broken is a fault of ours, told to nobody outside', () => {
    invariant(true, 'one is one');
    const broken = () => invariant(areAmounts(-1), () => 'nothing is less than nothing');
    assert.throws(broken, (error: unknown) => {
      assert.ok(error instanceof Fault);
      assert.deepEqual([error.kind, error.code], ['internal', 'invariant']);
      assert.match(error.message, /nothing is less than nothing/);
      return true;
    });
    assert.doesNotMatch(outwardMessage(internal('x is 5', { code: 'invariant' })), /x is 5/);
  });

  it('of amounts is that they are whole numbers from 0', () => {
    assert.ok(areAmounts(0, 5, undefined));
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(areAmounts(wrong), false);
  });
});
