// Why: a guest asks for its user data once, and gets one document: where the server has a cloud-init template too, one of several parts, as
// cloud-init reads them. It is made where a guest is told of itself, so that a drive and the metadata service cannot differ.

import { createHash } from 'node:crypto';
import { badRequest } from '../../base/errors.ts';
import type { FilledTemplate } from './cloud-init-templates.ts';

const LINE = /.{1,76}/g;

/** Where cloud-init looks for what says that a text has parts of its own. */
const HEAD_BYTES = 4_096;

const encoded = (content: Uint8Array): string => (Buffer.from(content).toString('base64').match(LINE) ?? []).join('\n');

/** Whether the content is an e-mail message, of which cloud-init reads the parts. */
const isMessage = (content: Buffer): boolean => {
  const head = content.subarray(0, HEAD_BYTES).toString('latin1');
  return /mime-version:/i.test(head) && /^[\w-]+:/.test(head);
};

/** What cloud-init decides by itself, by the first line. */
const plainPart = (content: Uint8Array): string =>
  `Content-Type: text/plain; charset="utf-8"\nContent-Transfer-Encoding: base64\n\n${encoded(content)}`;

// Lists of both come to be one, the template's first; where both say something, the other part has the last word.
const templatePart = ({ name, userData }: FilledTemplate): string =>
  [
    'Content-Type: text/cloud-config; charset="utf-8"',
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="xloud-template-${name}"`,
    'Merge-Type: list(prepend)+dict(no_replace,recurse_list)+str()',
    '',
    encoded(Buffer.from(userData)),
  ].join('\n');

/** Throws 400 for user data that cannot be one of several parts. */
export function checkMergeable(template: FilledTemplate | null | undefined, userData: string | null): void {
  if (template == null || userData === null) return;
  const [first, second] = Buffer.from(userData, 'base64');
  if (first !== 0x1f || second !== 0x8b) return;
  throw badRequest(
    `User data that are compressed cannot be merged with the cloud-init template '${template.name}': give them as they are.`,
  );
}

/**
 * What a guest is given as user data, in base64; null: nothing.
 * @param userData in base64, as the API got it
 */
export function mergedUserData(template: FilledTemplate | null | undefined, userData: string | null): string | null {
  if (template == null) return userData;
  if (userData === null) return Buffer.from(template.userData).toString('base64');
  const content = Buffer.from(userData, 'base64');
  const own = isMessage(content) ? content : Buffer.from(plainPart(content));
  // the same for the same parts: a server that is asked twice says the same
  const boundary = `==xloud-${createHash('sha256').update(template.userData).update(content).digest('hex')}==`;
  const head = `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n--${boundary}\n`;
  const tail = `\n--${boundary}\n${templatePart(template)}\n--${boundary}--\n`;
  return Buffer.concat([Buffer.from(head), own, Buffer.from(tail)]).toString('base64');
}
