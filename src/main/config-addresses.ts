// Why: a broker's URL can be well-formed and still not be supported; that is reported when the configuration is read, not when the first
// message cannot be sent.

import type { Form } from './config-options.ts';

const ESCAPES = 'in user and password, write / @ # % as %2F %40 %23 %25';

function brokerProblem(text: string): string | null {
  const scheme = /^[a-z][\w+.-]*(?=:\/\/)/i.exec(text)?.[0].toLowerCase();
  if (scheme === 'rabbit') return 'rabbit:// is the syntax of oslo.messaging: use amqp://, or amqps:// with TLS';
  if (scheme !== 'amqp' && scheme !== 'amqps') return 'only RabbitMQ is supported, over AMQP';
  return URL.canParse(text) ? null : `it cannot be parsed: ${ESCAPES}`;
}

/** The URL of a broker. */
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

/** The URLs of the brokers of one cluster. */
export const amqpUrls: Form = {
  name: `${amqpUrl.name}, several with commas between,`,
  fits: (text) => firstProblem(text) === null,
  why: firstProblem,
};
