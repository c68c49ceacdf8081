// Why: discovery begins here; every client reads these documents first, without a token.

import { notFound } from '../../base/errors.ts';
import { MAX_VERSION, MIN_VERSION } from '../../domain/microversions.ts';
import { query } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const V2 = {
  id: 'v2.0',
  path: '/v2/',
  status: 'DEPRECATED',
  updated: '2025-07-04T12:00:00Z',
  version: '',
  min_version: '',
  media: '2',
} as const;
const V21 = {
  id: 'v2.1',
  path: '/v2.1/',
  status: 'CURRENT',
  updated: '2013-07-23T11:33:21Z',
  version: MAX_VERSION,
  min_version: MIN_VERSION,
  media: '2.1',
} as const;

type Row = typeof V2 | typeof V21;

const mediaTypes = (row: Row) => [
  { base: 'application/json', type: `application/vnd.openstack.compute+json;version=${row.media}` },
];

const selfLink = (service: string, row: Row) => ({ rel: 'self', href: `${service}${row.path}` });

const summary = ({ id, status, version, min_version, updated }: Row) => ({ id, status, version, min_version, updated });

/** `GET /`: both versions. */
export function versionList(service: string) {
  return { versions: [V2, V21].map((row) => ({ ...summary(row), links: [selfLink(service, row)] })) };
}

/** `GET /v2.1/`: one version, with its media types. */
export function versionDocument(service: string, endpoint: 'v2' | 'v2.1') {
  const row = endpoint === 'v2' ? V2 : V21;
  const described = { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' };
  return { version: { ...summary(row), links: [selfLink(service, row), described], 'media-types': mediaTypes(row) } };
}

/**
 * The same as text. Every client asks for it before all else, and nearly all of a cloud's by one name: the last text is kept.
 */
export function versionDocumentWriter(endpoint: 'v2' | 'v2.1'): (service: string) => string {
  let last = { service: '', text: '' };
  return (service) => {
    if (last.text === '' || last.service !== service) {
      last = { service, text: JSON.stringify(versionDocument(service, endpoint)) };
    }
    return last.text;
  };
}

function show({ params, legacy, url }: Call) {
  const id = legacy ? V2.id : params['version'];
  if (id !== V2.id && id !== V21.id) throw notFound('The resource could not be found.');
  return versionDocument(url.service, id === V2.id ? 'v2' : 'v2.1');
}

/** The same document, for those who have a token. */
export const versionRoutes = resource({
  'GET /versions/:version': route()({
    summary: 'Show a version of the API.',
    policy: null,
    query: query({}, 'lenient'),
    status: 200,
    run: show,
    view: (document) => document,
  }),
});

/** `GET /anything-else`: 300 with what there is to choose from. */
export function multipleChoices(service: string, path: string) {
  const choice = (row: Row) => ({
    id: row.id,
    status: row.status,
    links: [{ rel: 'self', href: `${service}${row.path.slice(0, -1)}${path}` }],
    'media-types': mediaTypes(row),
  });
  return { choices: [V2, V21].map(choice) };
}
