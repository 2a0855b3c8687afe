import type { SessionView } from '../view/sessions.ts';

/** Cells of a row: node, peer, router, state, since, routes, BFD, what is wrong. */
export function sessionCells(session: SessionView, age: string): string[] {
  const { node, peer, router, state, routes, planned, bfd, cause, lastError } = session;
  const wrong = cause === undefined ? '' : `${cause.reason}: ${cause.message}`;
  // What went wrong once on a session that is up again is history.
  const past = lastError === undefined || lastError === '' ? '' : `(before: ${lastError})`;
  return [node, peer, router ?? '-', state, age, routes === planned ? String(routes) : `${routes}/${planned}`, bfd ?? '-', wrong || past];
}
