// Why: whoever rents a machine gets in by his keys or by a password that is shown once. The machine is told a hash: the password itself stands nowhere.

import { randomBytes, randomInt } from 'node:crypto';
import { encrypt } from 'unixcrypt';

/** None that look alike, and none that a shell or YAML would read as something else. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 20;

/** Of the letters that crypt(3) has. */
const salt = (): string => randomBytes(12).toString('base64').replaceAll('+', '.');

/** A password of more than a hundred bits. */
export const newPassword = (): string =>
  Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');

/** User data for cloud-init: JSON is YAML, so that no text can be anything but a text. */
export function userDataOf(keys: readonly string[], password: string): string {
  const config = {
    disable_root: false,
    ssh_pwauth: true,
    ...(keys.length === 0 ? {} : { ssh_authorized_keys: keys }),
    users: [
      'default',
      { name: 'root', lock_passwd: false, ...(keys.length === 0 ? {} : { ssh_authorized_keys: keys }) },
    ],
    chpasswd: { expire: false, users: [{ name: 'root', password: encrypt(password, `$6$${salt()}`), type: 'hash' }] },
  };
  return `#cloud-config\n${JSON.stringify(config)}\n`;
}
