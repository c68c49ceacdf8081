// Why: endpoints of other services come from Keystone's catalog, unless the configuration names them.

import { withoutEndSlashes } from '../base/slashes.ts';
import { record, records } from './answer-values.ts';

/** Strips the version: `http://host:9292/v2/` becomes `http://host:9292`, and so does `http://host:9292/v3/PROJECT` with the caller's project id. */
export function withoutVersion(url: string): string {
  const whole = withoutEndSlashes(url).replace(/(\/v\d[\d.]{0,8})\/[0-9a-f]{32}$/, '$1');
  const at = whole.lastIndexOf('/');
  return /^v\d[\d.]{0,8}$/.test(whole.slice(at + 1)) ? withoutEndSlashes(whole.slice(0, at)) : whole;
}

export interface Wanted {
  /** `image`, `network`, …; in order of preference, if a service has several types. */
  readonly types: readonly string[];
  /** In order of preference. */
  readonly interfaces: readonly string[];
  /** Empty: any. */
  readonly region: string;
}

/**
 * The endpoint of a service in the answer of `GET /v3/auth/catalog`, without a version at its end; null: there is none.
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
