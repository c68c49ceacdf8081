// Why: two actions that copy a server's disk into an image. Until 2.44 the new image's address stands in a header, from 2.45 on
// its id in the body.

import { versioned } from '../../../base/history.ts';
import { metadata, name, nonNegativeInteger, text, wrapped, closed } from '../../parameters.ts';
import { type Call, resource, route } from '../../resource.ts';

type Metadata = Readonly<Record<string, string>>;

interface CreateImageBody {
  readonly createImage: { readonly name: string; readonly metadata?: Metadata };
}

interface CreateBackupBody {
  readonly createBackup: {
    readonly name: string;
    readonly backup_type: string;
    readonly rotation: number | string;
    readonly metadata?: Metadata;
  };
}

/** Until 2.38 the metadata of an image counts as a server's does. */
const countsMetadata = versioned(true, ['2.39', false]);

async function checkMetadata({ op, services }: Call<'server', unknown>, given: Metadata): Promise<void> {
  if (countsMetadata.at(op.minor)) await services.ops.checkImageMetadata(op, given);
}

async function createImage(call: Call<'server', CreateImageBody>) {
  const { name: imageName, metadata: given = {} } = call.body.createImage;
  await checkMetadata(call, given);
  return call.services.ops.createImage(call.op, call.target, { name: imageName, metadata: given });
}

async function createBackup(call: Call<'server', CreateBackupBody>) {
  const { name: imageName, backup_type: backupType, rotation, metadata: given = {} } = call.body.createBackup;
  await checkMetadata(call, given);
  const request = { name: imageName, backupType, rotation: Number(rotation), metadata: given };
  return call.services.ops.createBackup(call.op, call.target, request);
}

const image = {
  summary: 'Make an image of a server.',
  policy: 'os_compute_api:servers:create_image',
  target: 'server',
  body: wrapped('createImage', closed({ name, metadata }, ['name'])),
  status: 202,
} as const;

const backup = {
  summary: 'Make a backup image of a server, and keep only the newest of its type.',
  policy: 'os_compute_api:os-create-backup',
  target: 'server',
  body: wrapped(
    'createBackup',
    closed({ name, backup_type: text, rotation: nonNegativeInteger, metadata }, ['name', 'backup_type', 'rotation']),
  ),
  status: 202,
} as const;

const imageId = (made: { readonly imageId: string }) => ({ image_id: made.imageId });

export default resource({
  'POST /servers/:server_id/action#createImage': [
    route<'server', CreateImageBody>()({
      ...image,
      until: '2.44',
      async run(call) {
        const made = await createImage(call);
        call.header('Location', `${call.url.image}/images/${made.imageId}`);
      },
    }),
    route<'server', CreateImageBody>()({ ...image, since: '2.45', run: createImage, view: imageId }),
  ],
  'POST /servers/:server_id/action#createBackup': [
    route<'server', CreateBackupBody>()({
      ...backup,
      until: '2.44',
      async run(call) {
        const made = await createBackup(call);
        // with 0 the image goes as soon as it is there
        if (Number(call.body.createBackup.rotation) === 0) return;
        call.header('Location', `${call.url.image}/images/${made.imageId}`);
      },
    }),
    route<'server', CreateBackupBody>()({ ...backup, since: '2.45', run: createBackup, view: imageId }),
  ],
});
