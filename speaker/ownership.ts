import type { Layer2Plan, MeshPeer, WireClaim } from '../src/announce/plan.ts';
import { type Standing, electOwners } from '../src/layer2/election.ts';
import { RankCache } from '../src/layer2/elector.ts';
import { divideByReach } from '../src/layer2/reachContests.ts';
import { type Failback, JOIN_MS, type StandingEvent, type StandingState, standing, startStanding } from '../src/layer2/standing.ts';
import type { Instant } from '../src/machine.ts';
import type { Ip } from '../src/net/ip.ts';
import type { MeshKey } from './channel.ts';
import {
  STANDINGS,
  Stopwatch,
  type Told,
  countTaken,
  divide,
  electorateOf,
  isDraining,
  orderOf,
  reachesOf,
  tellingOf,
} from './electionFacts.ts';
import type { EngineParts } from './engineParts.ts';
import { Home } from './home.ts';
import { Knocker } from './knocker.ts';
import type { Layer2Engine } from './layer2Engine.ts';
import { Mesh } from './mesh.ts';
import { meshAuth } from './meshKey.ts';
import { Pulse } from './pulse.ts';
import type { WireProblem } from './report.ts';
import { ReservedAddresses } from './reservedAddresses.ts';
import { SelfNote } from './selfNote.ts';
import { Strays } from './strays.ts';
import { surroundingsOf } from './surroundings.ts';
import { Turns } from './turns.ts';
import { Vouching } from './vouching.ts';

const DUE = 'standing';
/** So many addresses take their time: they are looked at, elected and carried out in turns, so that others are heard in between. */
const MANY = 2_000;

export interface OwnershipOptions {
  readonly node: string;
  readonly meshPort: number;
  readonly failback: Failback;
}

/**
 * Finds, on the wire thread, which VIPs are this node's: from the last plan, and from who of the other speakers is heard. It needs
 * neither the worker nor the API server for that.
 */
export class Ownership {
  readonly mesh: Mesh;
  readonly pulse: Pulse;
  readonly note: SelfNote;
  readonly #parts: EngineParts;
  readonly #node: string;
  readonly #layer2: Layer2Engine;
  readonly #knocker: Knocker;
  readonly #vouching: Vouching;
  readonly #reserved: ReservedAddresses;
  readonly #home: Home;
  readonly #strays = new Strays();
  #standing: StandingState;
  #plan: Layer2Plan<WireClaim> | undefined;
  #owners: ReadonlyMap<Ip, string> = new Map();
  /** By which those were found. */
  #standings: ReadonlyMap<string, Standing> = new Map();
  /** Of the election that is in force, so that one that would be the same is left out. */
  #essence = '';
  #auth: { readonly value: ReturnType<typeof meshAuth> } | undefined;
  #fresh = new Set<Ip>();
  /** It stood still, or heard nobody, and has not elected since. */
  #wasAway = false;
  /** The others have taken what was this node's: nothing is handed over slowly. */
  #isDisowned = false;
  /** Of a plan of which not all is known yet nothing is elected. */
  readonly #takingIn: Turns;
  readonly #handing: Turns;
  #speakers: readonly string[];
  /** Of addresses in conflict: after a cut each of thousands is asked for, again and again. */
  #ranks = new RankCache();
  #onHanded: (() => void) | undefined;
  /** Waits until the plan before it is carried out: those that come one after the other would put that off for ever. */
  #next: { readonly args: Parameters<Ownership['apply']>; readonly fresh: readonly Ip[] } | undefined;
  takeovers = 0;
  readonly times = { detection: new Stopwatch(), takeover: new Stopwatch() };

  constructor(parts: EngineParts, layer2: Layer2Engine, options: OwnershipOptions) {
    this.#parts = parts;
    this.#node = options.node;
    this.#speakers = [options.node];
    this.#layer2 = layer2;
    this.#takingIn = new Turns(parts, 'standing/plan');
    this.#handing = new Turns(parts, 'standing/hand');
    const onDetected = (ms: number): void => this.times.detection.onValue(ms / 1000);
    this.mesh = new Mesh(parts, options.meshPort, (cameUp) => this.#peerChanged(cameUp), onDetected);
    this.note = new SelfNote(parts, layer2, this.mesh);
    this.#vouching = new Vouching(options.node, this.mesh);
    this.pulse = new Pulse(
      parts,
      () => {
        // Nobody is to hand anything to a node that says nothing.
        this.mesh.setStanding('last');
        return this.mesh.roll();
      },
      () => this.#sure(),
    );
    this.#standing = startStanding(parts.clock.now(), { failback: options.failback, joinMs: JOIN_MS });
    this.#reserved = new ReservedAddresses(parts, () => {
      this.#essence = '';
      if (this.#plan !== undefined) this.#reserved.set(this.#node, this.#plan);
      this.#meet();
    });
    this.#home = new Home(parts, layer2, this.mesh, () => this.#meet());
    const lost = (): MeshPeer[] => (this.pulse.isDoubtful() ? [] : this.mesh.lost());
    this.#knocker = new Knocker(parts, lost, (peer) => layer2.knock(peer));
    const around = { mesh: this.mesh, pulse: this.pulse, home: this.#home, note: this.note, isAlone: () => this.#standing.isAlone };
    layer2.setSurroundings(surroundingsOf(around, (ip) => orderOf(ip, this.#speakers, this.#ranks)));
  }

  /** @param onHanded what is this node's is known to layer 2 */
  apply(plan: Layer2Plan<WireClaim>, fresh: readonly Ip[], key: MeshKey | undefined, onHanded: () => void = () => undefined): void {
    if (this.#takingIn.areLeft() || this.#handing.areLeft()) {
      this.#next = { args: [plan, fresh, key, onHanded], fresh: [...(this.#next?.fresh ?? []), ...fresh] };
      return;
    }
    this.#onHanded = onHanded;
    // Before its first plan it knew of nobody to listen to.
    if (this.#plan === undefined && this.#standing.phase === 'joining')
      this.#standing = startStanding(this.#parts.clock.now(), this.#standing.config);
    this.#strays.plan(this.#plan, plan, this.#layer2.claims());
    this.#plan = plan;
    this.#speakers = [this.#node, ...plan.peers.map(({ node }) => node)];
    this.#ranks = new RankCache();
    this.#essence = '';
    for (const ip of fresh) this.#fresh.add(ip);
    // Two that sign with different keys do not believe each other: a key is changed by restarting the speakers one by one.
    this.#auth ??= { value: meshAuth(key) };
    this.mesh.apply(plan.peers, this.#auth.value);
    const { intervalMs, multiplier } = this.mesh.pace();
    this.pulse.watch(plan.peers.length === 0 ? undefined : intervalMs * multiplier);
    this.#layer2.setSpeakers(plan.peers);
    const takenIn = (): void => {
      this.#meet();
      if (!this.#handing.areLeft()) this.#handed();
    };
    const steps = [() => this.#reserved.set(this.#node, plan), () => this.note.measure(plan), takenIn];
    this.#takingIn.begin(steps, plan.candidacies.length <= MANY);
  }

  #peerChanged(cameUp: string | undefined): void {
    this.#parts.changed();
    if (this.pulse.isDoubtful()) return;
    this.#meet();
    if (cameUp === undefined) return;
    // Its MAC is to be known, and the kernels may have known each other's for long.
    const peer = this.#plan?.peers.find(({ node }) => node === cameUp);
    if (peer !== undefined) this.#layer2.knock(peer);
    // What was left to it while neither heard the other is as the election says from now on.
    this.#layer2.speakerGone(cameUp);
    // It may have announced the same, to its own part of a segment that was cut in two.
    this.#layer2.refresh();
  }

  #sure(): void {
    // What is another's now has been announced meanwhile, and is not announced again for a node that waits to hear it.
    this.#wasAway = true;
    this.#meet();
    this.#layer2.refresh();
  }

  #meet(): void {
    this.#home.look(this.#plan?.peers ?? []);
    this.#knocker.look((this.#plan?.peers.length ?? 0) + 1);
    this.#step({ kind: 'peers', peers: this.mesh.standings() });
  }

  #step(event: StandingEvent): void {
    const { clock, random, recorder, deadlines, log } = this.#parts;
    const now = clock.now();
    recorder.record(now, DUE, event);
    const [state, effects] = standing.step(this.#standing, event, { now, random });
    // Others have had its addresses meanwhile: they do not announce them again for one that hands over.
    if (this.#standing.isAlone && !state.isAlone) this.#wasAway = true;
    this.#standing = state;
    for (const { phase } of effects) log.info({ phase }, 'what this speaker is to the others');
    deadlines.set(DUE, this.#plan === undefined ? undefined : standing.deadline(state), () => this.#meet());
    if (!this.pulse.isDoubtful()) this.mesh.setStanding(this.#own(), this.#standing.isAlone || this.phase() === 'joining');
    this.#elect();
  }

  /** A node without any interface for what it may own says so like one that is about to end. */
  #own(): Standing {
    const isStranded = this.#plan !== undefined && this.note.isStranded(this.#plan);
    // Those that cannot hear this node have taken what was its.
    const isGivenUp = this.#plan?.beyond?.isReady === false;
    const said = isStranded || isGivenUp || this.#home.isLost ? 'last' : STANDINGS[this.#standing.phase];
    return said !== 'last' && this.#plan !== undefined && isDraining(this.#plan, this.#node) ? 'draining' : said;
  }

  /** Interfaces came, went, or lost their carrier. */
  linksChanged(): void {
    if (this.#plan === undefined) return;
    this.note.measure(this.#plan);
    this.#meet();
  }

  #elect(): void {
    const plan = this.#plan;
    if (plan === undefined || this.#takingIn.areLeft() || this.pulse.isDoubtful()) return;
    const now = this.#parts.clock.now();
    const peers = this.mesh.standings();
    // Where one speaker was heard, BFD is not filtered: another that never was does not run, whatever Kubernetes has noticed of it.
    const asksKubernetes = this.phase() === 'joining' || !peers.some(({ wasUp }) => wasUp);
    const { standings, heard } = electorateOf(plan, { node: this.#node, standing: this.#own() }, peers, asksKubernetes);
    const disowned = this.#wasAway || peers.some(({ liveness }) => liveness === 'disowning');
    this.#wasAway = false;
    const notes = new Map<string, Told>([...this.mesh.notes(), [this.#node, this.note]]);
    this.#reserved.setOthers(notes);
    // Whoever has strayed hears nobody: it keeps what it has, and takes nothing.
    const essence = this.#home.isLost ? 'strayed' : JSON.stringify([[...standings], [...heard], disowned, tellingOf(notes)]);
    if (essence === this.#essence) return;
    const isNewPlan = this.#essence === '';
    this.#essence = essence;
    if (this.#home.isLost && !isNewPlan) return;
    const before = this.#owners;
    this.#standings = standings;
    this.#owners = electOwners(divideByReach(plan.contests, reachesOf(notes)), standings, heard);
    const dead = new Set(peers.filter(({ liveness }) => liveness === 'dead' || liveness === 'alone').map(({ node }) => node));
    this.#isDisowned ||= disowned;
    this.#carryOut(plan, now, dead, countTaken(before, this.#owners, this.#node, dead));
  }

  /** @param taken how many groups became this node's by the death of others */
  #carryOut(plan: Layer2Plan<WireClaim>, since: Instant, dead: ReadonlySet<string>, taken: number): void {
    this.takeovers += taken;
    const carryOut = (): void => {
      // Once it is sure again it elects anew.
      if (this.pulse.isDoubtful()) {
        this.#essence = '';
        return this.#goOn();
      }
      this.#hand(plan);
      for (const node of dead) this.#layer2.speakerGone(node);
      const seconds = (this.#parts.clock.now() - since) / 1000;
      for (let i = 0; i < taken; i++) this.times.takeover.onValue(seconds);
    };
    this.#handing.begin([() => undefined, carryOut], plan.candidacies.length <= MANY);
  }

  #hand(plan: Layer2Plan<WireClaim>): void {
    const isLeftOut = (ip: Ip): boolean => this.#reserved.of(ip) !== undefined || (this.#home.isLost && !this.#layer2.has(ip));
    const { own, handed } = divide(plan, this.#owners, this.#node, isLeftOut, ({ ip }, group) => {
      if (!this.#layer2.has(ip) && !this.#vouching.isHeld(ip, group)) this.#fresh.add(ip);
    });
    if (this.#isDisowned) handed.clear();
    else this.#strays.hand(this.#owners, this.#node, handed);
    const fresh = this.#fresh.size === 0 ? [] : own.map(({ ip }) => ip).filter((ip) => this.#fresh.has(ip));
    this.#fresh.clear();
    this.#isDisowned = false;
    this.#vouching.elected(this.#owners, this.#standings, this.#standing.phase === 'joining');
    this.#layer2.apply(own, fresh, handed);
    this.#handed();
  }

  #handed(): void {
    this.#onHanded?.();
    this.#onHanded = undefined;
    this.#goOn();
  }

  /** With the last plan that came meanwhile, in a turn of its own. */
  #goOn(): void {
    if (this.#next === undefined) return;
    const apply = (): void => {
      const { args, fresh } = this.#next ?? {};
      this.#next = undefined;
      if (args !== undefined) this.apply(args[0], fresh ?? [], args[2], args[3]);
    };
    this.#takingIn.begin([() => undefined, apply], false);
  }

  /** Gives everything to others that can take it. */
  leave(): void {
    this.#step({ kind: 'leave' });
  }

  phase = (): StandingState['phase'] => this.#standing.phase;

  problems(): WireProblem[] {
    return this.#plan === undefined
      ? []
      : [...this.#reserved.problems(), ...(this.#standing.phase === 'joining' ? [] : this.mesh.problems())];
  }

  stop(): void {
    this.#parts.deadlines.set(DUE, undefined, () => undefined);
    for (const part of [this.#takingIn, this.#handing, this.pulse, this.#knocker, this.note, this.#reserved, this.#home, this.mesh])
      part.stop();
  }
}
