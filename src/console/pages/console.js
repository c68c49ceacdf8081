// Why: both pages find their socket alike: it stands beside them, and the token is in their own address.

/** noVNC's addresses carry the token within `path`, all others as it is. */
function tokenOf(address) {
  const query = new URLSearchParams(address.search);
  const path = query.get('path') ?? '';
  return query.get('token') ?? new URLSearchParams(path.replace(/^[^?]*/, '')).get('token') ?? '';
}

/** The address of the socket. */
export function socketUrl() {
  const url = new URL('.', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  url.searchParams.set('token', tokenOf(location));
  return url.href;
}

export const screen = document.getElementById('console');

export function tell(text) {
  document.getElementById('status').textContent = text;
}

/** @param opened whether it ever was */
export function tellEnd(opened) {
  tell(
    opened
      ? 'The console has ended.'
      : 'The console could not be opened. Its address is good for ten minutes: ask for a new one.',
  );
}
