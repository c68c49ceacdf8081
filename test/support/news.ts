// Why: what the dashboard is told comes as a stream that never ends by itself; tests read along.

export interface FollowedNews {
  readonly status: number;
  /** All that was told until now. */
  text(): string;
}

/** Follows the dashboard's news of a service until `stop`. */
export async function followNews(url: string, token: string, stop: AbortSignal): Promise<FollowedNews> {
  const response = await fetch(`${url}/dashboard/events`, { headers: { 'X-Auth-Token': token }, signal: stop });
  let text = '';
  const read = async (): Promise<void> => {
    if (response.body === null) return;
    const decoder = new TextDecoder();
    for await (const part of response.body as AsyncIterable<Uint8Array>) text += decoder.decode(part, { stream: true });
  };
  // it ends with the test, or with the service
  if (response.status === 200) read().catch(() => undefined);
  return { status: response.status, text: () => text };
}
