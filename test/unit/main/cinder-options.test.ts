// An operator's Cinder: what of nova.conf leads to it, what has to go with it, and what the doctor says of it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../../../src/main/config.ts';
import { cinderFound } from '../../../src/main/doctor/volumes.ts';
import { importNovaConf } from '../../../src/main/nova-conf/import.ts';
import { parseNovaConf } from '../../../src/main/nova-conf/parse.ts';
import { checkOperators } from '../../../src/main/operators.ts';

const imported = (conf: string) => importNovaConf(parseNovaConf(conf));

describe("an operator's Cinder", () => {
  it('is taken from nova.conf, and its user is not', () => {
    const { values, lines } = imported(
      '[cinder]\nos_region_name = two\nauth_type = password\npassword = s3cret\ncatalog_info = volumev3:cinderv3:internalURL\n',
    );
    assert.deepEqual(values, { volume: { service: 'cinder' }, identity: { region_name: 'two' } });
    assert.deepEqual(
      lines.filter(({ verdict }) => verdict === 'ignored').map(({ option }) => option),
      ['cinder.auth_type', 'cinder.password'],
    );
    assert.doesNotMatch(JSON.stringify(lines), /s3cret/);
    const fixed = imported('[cinder]\nendpoint_template = http://c:8776/v3/%(project_id)s\n');
    assert.deepEqual(fixed.values, { volume: { service: 'cinder', endpoint: 'http://c:8776' } });
    const odd = imported('[cinder]\ncatalog_info = disks:x:publicURL\n').lines;
    assert.match(odd[0]?.why ?? '', /not searched for disks: set volume\.endpoint/);
  });

  it('says of libvirt what is done otherwise', () => {
    const { lines } = imported('[libvirt]\nvolume_use_multipath = true\nrbd_user = cinder\nrbd_secret_uuid = x\n');
    assert.deepEqual(
      lines.map(({ verdict }) => verdict),
      ['ignored', 'ignored', 'ignored'],
    );
    assert.match(lines[0]?.why ?? '', /one path/);
  });

  it('wants a Keystone that is named', () => {
    const alone = loadConfig({ flags: ['volume.service=cinder'] });
    assert.throws(() => checkOperators(alone), /identity\.auth_url/);
    checkOperators(loadConfig({ flags: ['volume.service=cinder', 'identity.auth_url=http://k:5000/v3'] }));
    assert.throws(() => loadConfig({ flags: ['volume.service=nova'] }), /built-in, cinder/);
    assert.throws(() => loadConfig({ flags: ['volume.endpoint=cinder:8776'] }), /volume\.endpoint/);
  });

  it('is told to be too old, or to know us for too little', () => {
    const about = { newest: '3.70', attaches: true, reimages: true, isAdmin: true };
    const said = (more: Partial<typeof about>) =>
      cinderFound('http://c', { ...about, ...more }).map(({ level, text }) => `${level}: ${text}`);
    assert.deepEqual(said({}), ['ok: Cinder at http://c speaks 3.70']);
    assert.match(said({ newest: '3.40', attaches: false })[0] ?? '', /^problem: .*need 3\.44/);
    assert.match(said({ isAdmin: false })[1] ?? '', /^problem: .*not an administrator/);
    assert.match(
      said({ newest: '3.60', reimages: false })[1] ?? '',
      /^warning: servers with a root volume cannot be rebuilt/,
    );
  });
});
