// Why: NUMA nodes of a guest on those of its host, devices of a host for what was asked by alias: each wants one of several places, and no
// two the same one. Trying them in order may find none where there is one.

/**
 * A place for each, all different, those named first where they are free: a matching, found by letting each take a place and whoever
 * had it look for another. Null: there is none.
 * @param requestes for each the places that would do, best first
 */
export function matching<P>(requests: readonly (readonly P[])[]): P[] | null {
  const takenBy = new Map<P, number>();
  const settle = (one: number, tried: Set<P>): boolean => {
    const places = (requests[one] as readonly P[]).filter((place) => !tried.has(place));
    for (const place of places) tried.add(place);
    const free = places.find((place) => !takenBy.has(place));
    const place = free ?? places.find((taken) => settle(takenBy.get(taken) as number, tried));
    if (place === undefined) return false;
    takenBy.set(place, one);
    return true;
  };
  for (const one of requests.keys()) if (!settle(one, new Set())) return null;
  const found: P[] = [];
  for (const [place, one] of takenBy) found[one] = place;
  return found;
}
