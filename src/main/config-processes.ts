// Why: what only matters where API, workers and hosts are processes of their own stands together.

import { amqpUrls } from './config-addresses.ts';
import { list, listenAddress, text } from './config-options.ts';

export const processOptions = {
  bus: {
    url: text(
      '',
      'amqp://user:password@host:port/vhost of RabbitMQ, amqps:// for TLS; of several brokers of one cluster with commas between. Empty: API, workers and hosts are one process.',
      { secret: true, form: amqpUrls },
    ),
    signing_key_file: text(
      '',
      'Private key (Ed25519, PEM) with which an API and a worker sign what they ask of hosts; `xloud bus keys` makes one.',
    ),
    trusted_keys: list<string>(
      [],
      'Files of the public keys (PEM) whose calls an agent takes; two while a key is being replaced.',
    ),
    ca_file: text('', "Certificates (PEM) to trust for amqps://; empty: the system's."),
    cert_file: text('', 'Certificate (PEM) to show the broker; empty: none.'),
    key_file: text('', 'Its private key (PEM).'),
  },
  worker: {
    listen: text(
      '127.0.0.1:8775',
      'Address and port on which `xloud worker` answers /healthz, /readyz and /metrics; port 0: none.',
      { form: listenAddress },
    ),
  },
  agent: {
    listen: text('127.0.0.1:8776', 'The same of `xloud agent`.', { form: listenAddress }),
  },
} as const;
