import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { Fault } from '../../../src/base/errors.ts';
import { systemCaller } from '../../../src/base/op.ts';
import { verifiedImages } from '../../../src/cloud/verified-images.ts';
import type { ImageFacts } from '../../../src/domain/machines/images.ts';
import { testImage } from '../../support/neighbours.ts';

const sent = Buffer.from('the bytes of an image');
const sha512 = createHash('sha512').update(sent).digest('hex');

/** What arrives of an image of which the service says this. */
async function read(facts: Partial<ImageFacts>, pieces: Iterable<Uint8Array> = [sent]): Promise<string> {
  const image = {
    ...testImage(),
    sizeBytes: sent.length,
    checksum: null,
    osHashAlgo: null,
    osHashValue: null,
    ...facts,
  };
  const images = verifiedImages(
    {
      find: async () => image,
      async read() {
        return (async function* () {
          yield* pieces;
        })();
      },
      write: async () => undefined,
    },
    systemCaller,
  );
  const got: Uint8Array[] = [];
  for await (const piece of await images.read(image.id)) got.push(piece);
  return Buffer.concat(got).toString();
}

const isDamaged = (error: unknown): boolean => error instanceof Fault && error.code === 'image.damaged';

describe('an image that came over the network', () => {
  it('is taken where its size and its hash are as the service says', async () => {
    assert.equal(await read({ osHashAlgo: 'sha512', osHashValue: sha512 }), sent.toString());
    assert.equal(await read({ checksum: createHash('md5').update(sent).digest('hex') }), sent.toString());
  });

  it('is refused where one byte differs, and where it ends early', async () => {
    const changed = Buffer.from(sent);
    changed[3] = 0;
    const facts = { osHashAlgo: 'sha512', osHashValue: sha512 };
    await assert.rejects(read(facts, [changed]), isDamaged);
    await assert.rejects(read({}, [sent.subarray(0, 5)]), isDamaged);
    await assert.rejects(read({ ...facts, sizeBytes: null }, [sent.subarray(0, 5)]), isDamaged);
  });

  it('is refused once it is longer than it may be, though it never ends', async () => {
    const endless = function* () {
      for (;;) yield sent;
    };
    await assert.rejects(read({}, endless()), isDamaged);
  });
});
