// An address that only fails at the start, or when the first token comes, is to be found by `xloud config check`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/main/config.ts';

const load = (option: string, value: string) => loadConfig({ env: {}, flags: [`${option}=${value}`] });

test('databases are those that can be opened, and a refusal repeats no password', () => {
  const good = [
    'sqlite:///var/lib/xloud/xloud.db',
    'mysql://xloud:p%40ss@db/xloud',
    'mariadb://xloud@[::1]:3307/xloud',
    'mysql://root@localhost/xloud?socketPath=/run/mysqld/mysqld.sock',
  ];
  for (const url of good) assert.equal(load('database.connection', url).database.connection, url);
  const refused = [
    'postgres://xloud:s3cret@db/xloud',
    'mysql+pymysql://xloud:s3cret@db/xloud',
    'mysql://xloud:s3cret@db',
    'mysql://xloud:s3cret@db/',
    'mysql://xloud:s3cret/#@db/xloud',
    'mysql://xloud:s3cret%zz@db/xloud',
    'sqlite://relative.db',
    'sqlite:///%zz',
    'xloud.db',
  ];
  for (const url of refused)
    assert.throws(
      () => load('database.connection', url),
      ({ message }: Error) =>
        /database\.connection: sqlite:.* or mysql:.* is wanted/.test(message) && !message.includes('s3cret'),
      url,
    );
});

test('TLS to the database is refused, which would not be there', () => {
  for (const asked of ['ssl_ca=/etc/ca.pem', 'charset=utf8mb4&ssl=true'])
    assert.throws(
      () => load('database.connection', `mysql://xloud:s3cret@db/xloud?${asked}`),
      ({ message }: Error) => /: TLS to the database .* is not supported/.test(message) && !message.includes('s3cret'),
    );
});

test("Keystone's address is that of its v3 API", () => {
  const good = ['http://keystone:5000', 'http://keystone:5000/v3/', 'https://cloud.example.org/identity/v3'];
  for (const url of good) assert.equal(load('identity.auth_url', url).identity.auth_url, url);
  const refused = [
    'keystone:5000',
    'ftp://keystone/v3',
    'http://keystone:5000/v2.0',
    'http://keystone:5000/v3/auth/tokens',
    'http://nova:s3cret@keystone:5000/v3',
    'http://keystone:5000/v3?region=one',
  ];
  for (const url of refused)
    assert.throws(
      () => load('identity.auth_url', url),
      ({ message }: Error) =>
        /identity\.auth_url: the address of Keystone v3 .* is wanted/.test(message) && !message.includes('s3cret'),
      url,
    );
  assert.throws(() => load('identity.www_authenticate_uri', 'keystone'), /www_authenticate_uri: an address .* wanted/);
});
