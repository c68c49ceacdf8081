// Why: some paths carry a token, and whoever reads the log must not get it. Which do is told by the path alone: a request may be
// refused before anybody looks for its route, and what it brought is a token all the same.

/** Words of paths after which a token comes: Nova's tokens of consoles, and those of users in Keystone's old API, which is still tried. */
const BEFORE_A_TOKEN = /\/(?:os-console-auth-)?tokens\/./is;

/** What the routers of the services see of a path. */
function decoded(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The path of a request as it may stand in the log: without its query, and with `{token}` for a token and all after it. */
export function loggedPath(url: string): string {
  const query = url.indexOf('?');
  const path = query === -1 ? url : url.slice(0, query);
  const plain = decoded(path);
  const found = BEFORE_A_TOKEN.exec(plain);
  return found === null ? path : `${plain.slice(0, found.index + found[0].length - 1)}{token}`;
}
