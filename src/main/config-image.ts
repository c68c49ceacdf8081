// Why: what can be configured of images: whose service has them, and what the built-in one may take.

import { choice, httpUrl, integer, text } from './config-options.ts';

export const imageOptions = {
  service: choice(
    'built-in',
    ['built-in', 'glance'],
    "Who has the images: the built-in image service, or glance, an operator's own, where Keystone is his own too (identity.auth_url). All processes of an installation have the same.",
  ),
  endpoint: text(
    '',
    "Image service, without a version, as http://glance:9292: an operator's Glance, empty: as the catalog says; or the built-in one for `xloud agent`, as http://api:8774/image. Who we are there: section identity.",
    { form: httpUrl },
  ),
  verify_signatures: choice(
    'no',
    ['no', 'yes'],
    "Whether a host takes only images whose signature (properties img_signature…) is that of their data, by a certificate of the key manager (Barbican), as Nova's verify_glance_signatures has it: an image without one is refused. With image.service: glance; images that a host has already are not fetched again. Workers and agents have the same.",
  ),
  key_manager_endpoint: text(
    '',
    'Key manager, without a version, as http://barbican:9311; empty: as the catalog says.',
    { form: httpUrl },
  ),
  directory: text(
    '',
    "Where the data of the built-in image service's images lies, one directory for every API; empty: images in the data directory.",
  ),
  image_count_total: integer(
    1_000,
    'images',
    'How many images a project may have at the built-in image service; -1 is unlimited.',
    -1,
  ),
  image_size_total: integer(
    1_048_576,
    'MiB',
    "How much data a project's images may have at the built-in image service; -1 is unlimited.",
    -1,
  ),
};
