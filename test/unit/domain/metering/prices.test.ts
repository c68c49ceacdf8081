import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  moneyText,
  priceOf,
  priceSpecsProblem,
  rateMoneyText,
  rateOf,
} from '../../../../src/domain/metering/prices.ts';
import { aFlavor } from '../../../support/samples.ts';

describe('a price', () => {
  it('is a decimal number with six decimals at most, and the text of one is read as the same', () => {
    assert.deepEqual(['0', '0.0050', '12', '1000', '0.000001'].map(priceOf), [0, 5_000, 12_000_000, 1_000_000_000, 1]);
    fc.assert(fc.property(fc.integer({ min: 0, max: 1_000_000_000 }), (price) => priceOf(moneyText(price)) === price));
  });

  it('is nothing else', () => {
    for (const text of [
      '',
      '-1',
      '+1',
      '1e3',
      '.5',
      '5.',
      '0.0000001',
      '1000.000001',
      '١',
      ' 1',
      '1,5',
      '0x1',
      'NaN',
    ]) {
      assert.equal(priceOf(text), null, text);
    }
    assert.match(
      priceSpecsProblem({ 'price:hour': '1', 'price:vcpu_hour': '-1' }) ?? '',
      /'price:vcpu_hour': '-1' is not a/,
    );
    assert.equal(priceSpecsProblem({ 'price:hour': '1', other: 'x' }), null);
    for (const misspelt of ['price:hours', 'price:', 'price:hour ', 'price:toString'])
      assert.match(priceSpecsProblem({ [misspelt]: '1' }) ?? '', /it is none of price:hour, /, misspelt);
  });

  it('is written with all its decimals', () => {
    assert.deepEqual([0, 5, -5, 1_234_567, -1_000_000].map(moneyText), [
      ...['0.000000', '0.000005', '-0.000005', '1.234567', '-1.000000'],
    ]);
  });
});

describe('a rate', () => {
  const specs = {
    ...{ minimum_cpu: '1', minimum_memory: '256' },
    ...{ 'price:hour': '0.0100', 'price:vcpu_hour': '0.004', 'price:memory_gb_hour': '0.002' },
  };
  it('is the floor and what is held above it, exact to the MiB', () => {
    const flavor = aFlavor({ extraSpecs: specs });
    assert.equal(rateMoneyText(rateOf(flavor, { vcpus: 1, memoryMb: 256 })), '0.010000000');
    assert.equal(rateMoneyText(rateOf(flavor, { vcpus: 3, memoryMb: 1024 })), '0.019500000');
    assert.equal(rateMoneyText(rateOf(flavor, { vcpus: 1, memoryMb: 257 })), '0.010001953');
  });
  it('is not below that of the floor, whatever a guest gives back', () => {
    assert.equal(rateMoneyText(rateOf(aFlavor({ extraSpecs: specs }), { vcpus: 0, memoryMb: 0 })), '0.010000000');
  });
  it('is nothing for a flavor that has no price', () => {
    assert.equal(rateOf(aFlavor(), { vcpus: 4, memoryMb: 1024 }), 0);
  });
});
