// Why: what is paid for by the hour beside servers costs the same for all, and an administrator says what.

import { badRequest } from '../../base/errors.ts';
import { findPrices, type KindPrices } from '../../db/prices.ts';
import { costKinds, moneyText, priceOf, priceProblem } from '../../domain/metering/prices.ts';
import { closed, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const body = closed({ prices: closed(Object.fromEntries(costKinds.map((kind) => [kind, text]))) }, ['prices']);

interface Body {
  readonly prices: Readonly<Record<string, string>>;
}

const view = (prices: KindPrices, { services }: Pick<Call, 'services'>) => ({
  currency: services.settings.currency,
  prices: Object.fromEntries(costKinds.map((kind) => [kind, moneyText(prices[kind])])),
});

/** Throws a 400 for what is no price. */
function pricesIn({ prices }: Body): Partial<KindPrices> {
  return Object.fromEntries(
    Object.entries(prices).map(([kind, value]) => {
      const problem = priceProblem(value);
      if (problem !== null) throw badRequest(`${kind}: ${problem}`);
      return [kind, priceOf(value) as number];
    }),
  );
}

export default resource({
  'GET /os-xloud-prices': route()({
    summary: 'Show what an hour costs of a GiB of a volume, snapshot or image, and of a floating address.',
    policy: 'os_compute_api:xloud:prices:show',
    status: 200,
    run: ({ services }) => findPrices(services.db),
    view,
  }),
  'PUT /os-xloud-prices': route<'none', Body>()({
    summary: 'Change what they cost from now on; those that are not named stay.',
    policy: 'os_compute_api:xloud:prices:update',
    body,
    status: 200,
    run: ({ op, services, body: given }) => services.ops.changePrices(op, pricesIn(given)),
    view,
  }),
});
