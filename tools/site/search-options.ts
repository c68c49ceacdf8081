// Why: an index is read as it was made.

import type { Options } from 'minisearch';

export const indexOptions: Options = {
  fields: ['title', 'text', 'page'],
  storeFields: ['title', 'page', 'place'],
  searchOptions: { boost: { title: 4, page: 2 }, prefix: true, fuzzy: 0.15, combineWith: 'AND' },
};
