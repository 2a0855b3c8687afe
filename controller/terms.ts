import type { Logger } from '../src/host/log.ts';
import type { Term } from '../src/host/kube/lease.ts';
import type { Timing } from './announced/announcer.ts';
import { type Leader, type LeaderOptions, createLeader } from './leader.ts';
import { type Survey, startSurvey } from './survey/survey.ts';

export interface TermsOptions extends Omit<LeaderOptions, 'term' | 'announce'> {
  /** Of the configuration. */
  readonly apiGroup: string;
  /** Of the lease. */
  readonly holder: () => string | undefined;
  /** Absent: nothing is said of the wire. */
  readonly announced: Timing | undefined;
  /** Something changed of what only verdicts need. */
  readonly onSeen: () => void;
  readonly log: Logger;
}

/** One leader after the other in this process, and what they and the page look at. */
export interface Terms {
  readonly begin: (term: Term) => void;
  readonly end: (drainMs: number) => Promise<void>;
  /** The lease is: nothing is written any more. */
  readonly lost: () => void;
  readonly leader: () => Leader | undefined;
  /** Begins when first asked for: only a page or a leader needs it, and it is as much again as what allocation needs. */
  readonly survey: () => Survey;
  readonly stop: () => Promise<void>;
}

export function createTerms({ holder, announced, onSeen, ...options }: TermsOptions): Terms {
  const { kubeMetrics: metrics, apiGroup } = options;
  let leader: Leader | undefined;
  let survey: Survey | undefined;
  let ending: Promise<void> = Promise.resolve();
  const onChange = (): void => {
    leader?.seen();
    onSeen();
  };
  const onDefinitions = (): void => {
    leader?.mark();
    onSeen();
  };
  const surveyed = (): Survey =>
    (survey ??= startSurvey({
      ...options,
      leader: holder,
      assignment: (service) => leader?.assignment(service),
      onChange,
      onDefinitions,
      metrics,
    }));
  const end = (drainMs: number): Promise<void> => {
    const last = leader;
    leader = undefined;
    if (last !== undefined) ending = Promise.all([ending, last.stop(drainMs)]).then(() => undefined);
    return ending;
  };
  return {
    begin: (term) => {
      const announce = announced === undefined ? {} : { announce: { survey: surveyed(), apiGroup, timing: announced } };
      leader = createLeader({ ...options, term, ...announce });
    },
    end,
    lost: () => {
      end(0).catch((error: unknown) => options.log.error({ err: error }, 'a term did not end cleanly'));
    },
    leader: () => leader,
    survey: surveyed,
    stop: async () => {
      await survey?.stop();
    },
  };
}
