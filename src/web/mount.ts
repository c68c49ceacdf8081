// Why: standalone, several services share one port; each hangs under a path of its own and sees URLs as if it stood alone.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { MountedRequest } from './app.ts';

/** Sends a request to the service whose path it begins with (`/compute`), cutting that path off; else to `rest`. */
export function mount(services: Readonly<Record<string, RequestListener>>, rest: RequestListener): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? '/';
    const end = url.slice(1).search(/[/?]/);
    const first = end === -1 ? url : url.slice(0, end + 1);
    const listener = Object.hasOwn(services, first) ? services[first] : undefined;
    if (listener === undefined) return rest(request, response);
    (request as MountedRequest).mountPath = first;
    const tail = url.slice(first.length);
    request.url = tail.startsWith('/') ? tail : `/${tail}`;
    return listener(request, response);
  };
}
