// Why: the address of a broker can be well formed and still not be spoken with here; that is said when the configuration is read, not when
// the first message waits in vain.

import type { Form } from './config-options.ts';

const ESCAPES = 'in user and password, / @ # % are written as %2F %40 %23 %25';

function brokerProblem(text: string): string | null {
  const scheme = /^[a-z][\w+.-]*(?=:\/\/)/i.exec(text)?.[0].toLowerCase();
  if (scheme === 'rabbit') return 'rabbit:// is of oslo.messaging: amqp://, or amqps:// with TLS';
  if (scheme !== 'amqp' && scheme !== 'amqps') return 'only RabbitMQ is supported, over AMQP';
  return URL.canParse(text) ? null : `it cannot be read: ${ESCAPES}`;
}

/** Of a broker. */
export const amqpUrl: Form = {
  name: 'amqp://user:password@host:port/vhost',
  fits: (text) => brokerProblem(text) === null,
  why: brokerProblem,
};

const firstProblem = (text: string): string | null =>
  text
    .split(',')
    .map(brokerProblem)
    .find((problem) => problem !== null) ?? null;

/** Of the brokers of one cluster. */
export const amqpUrls: Form = {
  name: `${amqpUrl.name}, several with commas between,`,
  fits: (text) => firstProblem(text) === null,
  why: firstProblem,
};
