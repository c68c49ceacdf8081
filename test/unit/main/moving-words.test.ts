// What is told of a move is read by people on a terminal, and an address of Nova's says how it is reached.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { novaUrl } from '../../../src/db/nova/open.ts';
import { planWords, tellLines } from '../../../src/main/moving/tell.ts';
import type { Line } from '../../../src/ops/moving/deps.ts';

async function* one(line: Line): AsyncGenerator<Line> {
  yield line;
}

describe('what is told of a move', () => {
  it('is one line of plain characters, whatever a tenant named', async () => {
    const printed: string[] = [];
    const title = 'x\u001b[2J\nas is       server       all is well\u202e';
    const line: Line = { kind: 'server', name: 'u', title, verdict: 'refuse', why: ['a\rb'] };
    await tellLines(one(line), planWords, 'text', (text) => void printed.push(text));
    assert.equal(printed[0], 'REFUSED     server       u (x?[2J?as is       server       all is well?): a?b');
    printed.length = 0;
    await tellLines(one(line), planWords, 'json', (text) => void printed.push(text));
    assert.equal((JSON.parse(printed.join('\n')) as { lines: Line[] }).lines[0]?.title, title);
    printed.length = 0;
    const csi = 'x\u009b31m\u{e0001}\u202e';
    await tellLines(one({ ...line, title: csi }), planWords, 'json', (text) => void printed.push(text));
    assert.doesNotMatch(printed.join(''), /[\p{Cc}\p{Cf}]/u);
    assert.equal((JSON.parse(printed.join('\n')) as { lines: Line[] }).lines[0]?.title, csi);
    printed.length = 0;
    const long = { ...line, title: 'x'.repeat(1_000_000) };
    await tellLines(one(long), planWords, 'text', (text) => void printed.push(text));
    assert.ok((printed[0] ?? '').length < 3_000);
  });
});

describe('an address of a database of Nova', () => {
  it('is not taken without the TLS that it asks for, and not repeated', () => {
    const url = 'mysql+pymysql://nova:s3cret@db/nova?charset=utf8';
    assert.equal(novaUrl(url, 'a'), 'mysql://nova:s3cret@db/nova');
    for (const more of ['&ssl_ca=/etc/ca.pem', '&ssl_verify_cert=true', '&ssl=1'])
      assert.throws(
        () => novaUrl(url + more, 'a'),
        (error: Error) => /TLS/.test(error.message) && !error.message.includes('s3cret'),
      );
  });
});
