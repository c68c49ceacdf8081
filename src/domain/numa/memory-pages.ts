// Why: in which pages a guest's memory lies, and whether it stays there, is said by its flavor and its image together. Nova's rules
// and texts.

import { isYes } from '../../base/boolean-word.ts';
import { badRequest } from '../../base/errors.ts';
import { said, type RequestedFlavor, type RequestedImage } from '../machines/request-words.ts';

/** A number: exactly that size, in KiB. */
export type PageRequest = 'small' | 'large' | 'any' | number;

const SIZE = /^\d+(?:\.\d+)?([kKMGT]i?)?(b|bit|B)$/;
const PREFIXES = 'KMGT';

/** A page size in KiB, or one of the words. */
function pageSize(text: string): PageRequest {
  if (text === 'small' || text === 'large' || text === 'any') return text;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const found = SIZE.exec(text);
  if (found === null) throw badRequest(`Invalid memory page size '${text}'`);
  const power = PREFIXES.indexOf((found[1]?.[0] ?? '').toUpperCase() || ' ') + 1;
  const units = Number.parseFloat(text) * 1024 ** power;
  return Math.ceil(found[2] === 'B' ? units : units / 8) / 1024;
}

/** Null: the host's choice. Throws Nova's 400s. */
export function pagesOf(flavor: RequestedFlavor, image: RequestedImage): PageRequest | null {
  const [own, wanted] = said(flavor, image, 'mem_page_size');
  const forbidden = (against: string) => badRequest(`Page size ${wanted} forbidden against '${against}'`);
  if (own === undefined) {
    if (wanted !== undefined) throw forbidden('<empty>');
    return null;
  }
  const size = pageSize(own);
  if (wanted === undefined) return size;
  if (size === 'any' || size === 'large') return pageSize(wanted);
  throw forbidden(own);
}

/** Whether the guest's memory stays in the host's (`hw:locked_memory`). Throws where nothing says in which pages. */
export function locksMemory(flavor: RequestedFlavor, image: RequestedImage): boolean {
  const [own, wanted] = said(flavor, image, 'locked_memory');
  const word = (text: string | undefined): string => (isYes(text) ? 'True' : 'False');
  if (own !== undefined && wanted !== undefined && isYes(own) !== isYes(wanted)) {
    throw badRequest(
      `locked_memory value in image (${word(wanted)}) and flavor (${word(own)}) conflict. A consistent value is ` +
        'expected if both specified.',
    );
  }
  const locked = isYes(own ?? wanted);
  if (locked && said(flavor, image, 'mem_page_size').every((size) => size === undefined)) {
    throw badRequest('locked_memory value in image or flavor is forbidden when mem_page_size is not set.');
  }
  return locked;
}
