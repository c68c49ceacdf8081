// Why: cloud-init's phone_home tells a URL what the guest became: its names and the keys of its SSH, by which its user knows at the first
// login that it is the guest. It is the guest's word, and anybody in it may say it.

import { badRequest } from '../../base/errors.ts';

/** What cloud-init tells; anything else in the form is left out. */
const FIELDS = [
  ...(['instance_id', 'hostname', 'fqdn'] as const),
  ...(['pub_key_rsa', 'pub_key_dsa', 'pub_key_ecdsa', 'pub_key_ed25519'] as const),
] as const;

export type PhoneHome = Readonly<Record<string, string>>;

/** @param form as `application/x-www-form-urlencoded` has it. @throws 400 where it has none of cloud-init's fields */
export function readPhoneHome(form: string): PhoneHome {
  const said = new URLSearchParams(form);
  const fields = FIELDS.flatMap((name): [string, string][] => {
    // cloud-init says N/A of what there is none of
    const value = said.get(name)?.trim().toWellFormed() ?? '';
    return value === '' || value === 'N/A' ? [] : [[name, value]];
  });
  if (fields.length === 0) throw badRequest(`One of ${FIELDS.join(', ')} is wanted.`);
  return Object.fromEntries(fields);
}
