/** What was sent and answered by the form of this page: the server keeps neither for calls that wait for their answer. */

export interface Exchange {
  readonly requestBody: string;
  readonly requestType: string;
  readonly status: number;
  readonly answerBody: string;
  readonly answerType: string;
}

/** So many of the newest calls are remembered, until the page is loaded anew. */
const keptMax = 50;

const kept = new Map<string, Exchange>();

export function keepExchange(activationId: string, exchange: Exchange): void {
  kept.set(activationId, exchange);
  for (const oldest of kept.keys()) {
    if (kept.size <= keptMax) return;
    kept.delete(oldest);
  }
}

export function exchangeOf(activationId: string): Exchange | undefined {
  return kept.get(activationId);
}
