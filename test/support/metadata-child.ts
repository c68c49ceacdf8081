// Why: an agent that is killed cannot be one of the test's own process; this one serves metadata of a database, on the host of a private
// libvirtd, until somebody ends it.

import { systemClock } from '../../src/base/clock.ts';
import { makeLog } from '../../src/base/log.ts';
import { makeMetadata } from '../../src/api/metadata/handler.ts';
import { makeMetadataHost } from '../../src/cloud/ovn/metadata/host.ts';
import { makeMetadataKeeper } from '../../src/cloud/ovn/metadata/keeper.ts';
import { southboundTables, switchTables } from '../../src/cloud/ovn/metadata/wanted.ts';
import { openOvsdb } from '../../src/cloud/ovn/ovsdb/client.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { metadataRates, serveMetadata } from '../../src/main/metadata.ts';
import { guestMetadata } from '../../src/ops/index.ts';
import { runProgram } from '../../src/base/run.ts';

const [url = '', pid = ''] = process.argv.slice(2);
const log = makeLog(process.env['XLOUD_TEST_LOG'] === undefined ? 'silent' : 'debug');
const clock = systemClock;
const source = guestMetadata({ database: openDatabase(url), clock });
const answer = makeMetadata({ source, count: metadataRates(), clock, log, observer: { answered() {} } });
const opened = { clock, log };
makeMetadataKeeper({
  host: makeMetadataHost({
    run: runProgram,
    enter: ['nsenter', '-t', pid, '-m', '-n', '-p', '--'],
    switchRemote: 'unix:/run/openvswitch/db.sock',
    offloads: true,
  }),
  openSwitch: (changed) => {
    const remotes = [`unix:/proc/${pid}/root/run/openvswitch/db.sock`];
    return openOvsdb({ ...opened, remotes, database: 'Open_vSwitch', tables: switchTables, changed });
  },
  openSouthbound: (remotes, changed) =>
    openOvsdb({ ...opened, remotes, database: 'OVN_Southbound', tables: southboundTables, changed }),
  serve: (networkId, socket) => serveMetadata(answer, networkId, socket),
  clock,
  log,
});
