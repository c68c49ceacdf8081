// Why: an address that leads nowhere says so.

import { hrefOf } from '../lib/route.ts';
import { t } from '../lib/words.ts';

export const Empty = () => (
  <div class="empty">
    <h1>{t('nowhere')}</h1>
    <a class="button" href={hrefOf('servers')}>
      {t('server.back')}
    </a>
  </div>
);
