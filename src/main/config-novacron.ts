// Why: what can be configured of NovaCron's API stands together.

import { listenAddress, text } from './config-options.ts';

export const novacronOptions = {
  listen: text(
    '',
    "Address and port at which NovaCron's API is answered beside the port of all services, as 127.0.0.1:8080; empty: only there, below /api/v1.",
    { form: listenAddress },
  ),
  loopback_project: text(
    '',
    'Id of the project that callers on this machine are of who bring no token, at novacron.listen alone, which must be a loopback address then; empty: nobody does without.',
  ),
  loopback_credential_id: text('', 'Application credential of that project, with whose roles they act.'),
  loopback_credential_secret_file: text('', 'File with its secret.'),
  log_dir: text(
    '',
    'Directory of log files for people: api.log, hypervisor.log, vms/ID.log and migrations/ID.log, beside the log on stderr; empty: none.',
  ),
};
