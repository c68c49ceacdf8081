// Why: where a neighbour is stands in Keystone's catalog, unless the operator says it himself.

import { withoutEndSlashes } from '../base/slashes.ts';
import { record, records } from './answer-values.ts';

/** `http://host:9292/v2/` is at `http://host:9292`, and so is `http://host:8776/v3/PROJECT` with the id of whoever asks for the catalog. */
export function withoutVersion(url: string): string {
  const whole = withoutEndSlashes(url).replace(/(\/v\d[\d.]{0,8})\/[0-9a-f]{32}$/, '$1');
  const at = whole.lastIndexOf('/');
  return /^v\d[\d.]{0,8}$/.test(whole.slice(at + 1)) ? withoutEndSlashes(whole.slice(0, at)) : whole;
}

export interface Wanted {
  /** `image`, `network`, …; in order, where a service goes by several names. */
  readonly types: readonly string[];
  /** In order: the first that the catalog has is taken. */
  readonly interfaces: readonly string[];
  /** Empty: whichever. */
  readonly region: string;
}

/**
 * The address of a service in what `GET /v3/auth/catalog` answers, without a version at its end; null: it has none.
 */
export function endpointIn(answer: unknown, { types, interfaces, region }: Wanted): string | null {
  for (const type of types) {
    const endpoints = records(record(answer)['catalog'])
      .filter((service) => service['type'] === type)
      .flatMap((service) => records(service['endpoints']))
      .filter((endpoint) => region === '' || endpoint['region_id'] === region || endpoint['region'] === region);
    for (const wanted of interfaces) {
      const url = endpoints.find((endpoint) => endpoint['interface'] === wanted)?.['url'];
      if (typeof url === 'string' && URL.canParse(url)) return withoutVersion(url);
    }
  }
  return null;
}
