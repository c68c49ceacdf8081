// Why: what was tried with a server and failed is told with the reason, which the service keeps with the events of the server's actions.

import { type Session, VERSION } from '../client/session.ts';

interface InstanceActions {
  readonly instanceActions: readonly { readonly request_id: string; readonly message: string | null }[];
}
interface InstanceAction {
  readonly instanceAction: { readonly events?: readonly { readonly details?: string | null }[] };
}

/** Why the last action of a server failed; null: nothing tells that it did. */
export async function failureOf(session: Session, id: string): Promise<string | null> {
  const path = `/servers/${id}/os-instance-actions`;
  const { instanceActions } = (await session.compute('GET', `${path}?limit=1`, undefined, VERSION)) as InstanceActions;
  const [last] = instanceActions;
  if (last === undefined) return null;
  const one = await session.compute('GET', `${path}/${last.request_id}`, undefined, VERSION);
  const { events = [] } = (one as InstanceAction).instanceAction;
  return events.map(({ details }) => details).find((text) => text) ?? last.message;
}

/** As `failureOf`, of a server that should have moved. */
export const lastMessage = async (session: Session, id: string): Promise<string> =>
  (await failureOf(session, id)) ?? 'it was not moved';
