// Why: whoever asks the services does so by HTTP, wherever they run. How a request gets there and its answer back is one function, so that
// what is asked for is written once, for commands that are elsewhere and for what stands in the same process.

export interface HttpRequest {
  readonly method: string;
  /** The whole address. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpReply {
  readonly status: number;
  /** By their names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Carries one request. Rejects with an `unavailable` Fault where nobody answers; whatever is answered is a reply. */
export type Transport = (request: HttpRequest) => Promise<HttpReply>;
