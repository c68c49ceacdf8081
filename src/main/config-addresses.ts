// Why: addresses of a database and of Keystone can be well formed and still not be spoken with here; that is said when the configuration is
// read, not when the first request fails.

import { type Form, httpUrl } from './config-options.ts';

const ESCAPES = 'in user and password, / @ # % are written as %2F %40 %23 %25';

function keystoneProblem(text: string): string | null {
  if (!httpUrl.fits(text)) return 'it is no HTTP address';
  const { pathname, username, password } = new URL(text);
  if (username !== '' || password !== '')
    return 'user and password are options of their own (identity.username, password_file)';
  const version = /\/(v\d[^/]*)\/*$/.exec(pathname)?.[1] ?? 'v3';
  return version === 'v3' ? null : `of its API only v3 is supported, not ${version}`;
}

/** `identity.auth_url`: `/v3` may be left out. */
export const keystoneUrl: Form = {
  name: 'an address of Keystone such as https://keystone.example.org/v3',
  fits: (text) => keystoneProblem(text) === null,
  why: keystoneProblem,
};

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

/** Says nothing of the address but its scheme: there is a password in it. */
function databaseProblem(text: string): string | null {
  const scheme = /^[a-z][\w+.-]*(?=:)/i.exec(text)?.[0].toLowerCase() ?? '';
  if (scheme === 'sqlite') return /^sqlite:\/\/\/./.test(text) ? null : 'sqlite:// is followed by an absolute path';
  if (/^(mysql|mariadb)\+/.test(scheme))
    return `leave out the driver, which is SQLAlchemy's: ${scheme.split('+')[0]}://`;
  if (scheme !== 'mysql' && scheme !== 'mariadb')
    return scheme === '' ? 'it names no kind of database' : `${scheme} is not supported: SQLite, MySQL and MariaDB are`;
  let url: URL;
  try {
    url = new URL(text.replace(/^mariadb:/i, 'mysql:'));
    decodeURIComponent(url.username + url.password);
  } catch {
    return `it cannot be read: ${ESCAPES}`;
  }
  if (url.pathname.length < 2) return 'it names no database: …/name';
  // taken without a word it would go over the network as plain text
  const tls = [...url.searchParams.keys()].find((name) => /^(ssl|tls)/i.test(name));
  return tls === undefined
    ? null
    : `TLS to the database (${tls}) is not supported: leave it out, and use a network to trust`;
}

/** `database.connection`. */
export const databaseAddress: Form = {
  name: 'sqlite:///absolute/path or mysql://user:password@host:port/name',
  fits: (text) => databaseProblem(text) === null,
  why: databaseProblem,
};
