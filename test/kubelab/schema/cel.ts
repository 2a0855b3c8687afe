import { isIP, isIPv4 } from 'node:net';
import { Environment, Optional } from '@marcbachmann/cel-js';
import { Address4, Address6 } from 'ip-address';
import { equal, isDict, text, type Dict } from '../json.ts';
import type { Fault } from '../status.ts';
import { childSchema, type CelRule, type Schema } from './schema.ts';
import { oldItem, show } from './validate.ts';

type Compiled = (context: Dict) => unknown;

class CelIp {
  readonly address: Address4 | Address6;
  constructor(value: string) {
    if (isIP(value) === 0) throw new Error(`IP Address "${value}" parse error`);
    this.address = isIPv4(value) ? new Address4(value) : new Address6(value);
  }
}

class CelCidr {
  readonly prefix: Address4 | Address6;
  readonly bits: number;
  constructor(value: string) {
    const [address = '', bits = ''] = value.split('/');
    if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits)) throw new Error(`network address parse error: ${value}`);
    this.prefix = isIPv4(address) ? new Address4(value) : new Address6(value);
    this.bits = Number(bits);
  }
}

function works(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

function family(address: Address4 | Address6): bigint {
  return address instanceof Address4 ? 4n : 6n;
}

function contains(cidr: CelCidr, ip: CelIp): boolean {
  return family(cidr.prefix) === family(ip.address) && ip.address.isInSubnet(cidr.prefix);
}

/** Functions of the Kubernetes CEL libraries that cel-js does not bring; those it already has are left alone. */
function libraries(env: Environment): void {
  env.registerType('net.IP', CelIp as never);
  env.registerType('net.CIDR', CelCidr as never);
  const functions: [string, (...args: never[]) => unknown][] = [
    ['isIP(string): bool', (value: string) => isIP(value) !== 0],
    ['isCIDR(string): bool', (value: string) => works(() => new CelCidr(value))],
    ['ip(string): net.IP', (value: string) => new CelIp(value)],
    ['cidr(string): net.CIDR', (value: string) => new CelCidr(value)],
    ['net.IP.family(): int', (ip: CelIp) => family(ip.address)],
    ['net.CIDR.ip(): net.IP', (cidr: CelCidr) => new CelIp(cidr.prefix.correctForm())],
    ['net.CIDR.prefixLength(): int', (cidr: CelCidr) => BigInt(cidr.bits)],
    ['net.CIDR.containsIP(net.IP): bool', contains],
    ['net.CIDR.containsIP(string): bool', (cidr: CelCidr, ip: string) => contains(cidr, new CelIp(ip))],
    ['isURL(string): bool', (value: string) => URL.canParse(value)],
    ['string.find(string): string', (value: string, pattern: string) => new RegExp(pattern, 'u').exec(value)?.[0] ?? ''],
    [
      'string.findAll(string): list<string>',
      (value: string, pattern: string) => [...value.matchAll(new RegExp(pattern, 'gu'))].map(([hit]) => hit),
    ],
    ['string.lowerAscii(): string', (value: string) => value.replace(/[A-Z]/g, (c) => c.toLowerCase())],
    ['string.upperAscii(): string', (value: string) => value.replace(/[a-z]/g, (c) => c.toUpperCase())],
    ['string.charAt(int): string', (value: string, at: bigint) => Array.from(value)[Number(at)] ?? ''],
    ['string.replace(string, string): string', (value: string, a: string, b: string) => value.replaceAll(a, b)],
    ['string.split(string): list<string>', (value: string, by: string) => value.split(by)],
    ['string.trim(): string', (value: string) => value.trim()],
    ['list.sum(): dyn', (items: (bigint | number)[]) => items.reduce((a, b) => (a as never) + (b as never), 0n)],
    ['list.min(): dyn', (items: never[]) => items.reduce((a, b) => (b < a ? b : a))],
    ['list.max(): dyn', (items: never[]) => items.reduce((a, b) => (b > a ? b : a))],
    ['list.isSorted(): bool', (items: never[]) => items.every((item, i) => i === 0 || items[i - 1]! <= item)],
  ];
  for (const [signature, handler] of functions) works(() => env.registerFunction(signature, handler as never));
}

let environment: Environment | undefined;
const compiled = new Map<string, Compiled | Error>();

/** Compiles a rule once; an Error says what is wrong with it. */
export function compile(rule: string): Compiled | Error {
  const found = compiled.get(rule);
  if (found !== undefined) return found;
  if (environment === undefined) {
    environment = new Environment({
      unlistedVariablesAreDyn: true,
      homogeneousAggregateLiterals: false,
      enableOptionalTypes: true,
    });
    libraries(environment);
  }
  let made: Compiled | Error;
  try {
    made = environment.parse(rule) as Compiled;
  } catch (error) {
    made = error as Error;
  }
  compiled.set(rule, made);
  return made;
}

/** JSON to CEL values: integers are bigint, by the schema or, without one, by their look. */
export function celValue(schema: Schema | undefined, value: unknown): unknown {
  if (typeof value === 'number') {
    return schema?.type !== 'number' && Number.isInteger(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => celValue(schema?.items, item));
  if (!isDict(value)) return value;
  const out: Dict = {};
  for (const [key, item] of Object.entries(value)) out[key] = celValue(childSchema(schema, key), item);
  return out;
}

function usesOld(rule: string): boolean {
  return /\boldSelf\b/.test(rule);
}

const reasons: Readonly<Record<string, Fault['reason']>> = {
  FieldValueInvalid: 'FieldValueInvalid',
  FieldValueForbidden: 'FieldValueForbidden',
  FieldValueRequired: 'FieldValueRequired',
  FieldValueDuplicate: 'FieldValueDuplicate',
};

/** Objects and lists are not printed; Kubernetes 1.35 shows scalars as they are. */
function shown(schema: Schema, value: unknown): string {
  return schema.type === 'object' || schema.type === 'array' ? '' : `: ${show(value)}`;
}

function failure(schema: Schema, rule: CelRule, value: unknown, message: string, path: string): Fault {
  const reason = reasons[rule.reason ?? 'FieldValueInvalid'] ?? 'FieldValueInvalid';
  const field = rule.fieldPath === undefined ? path : `${path}${rule.fieldPath}`.replace(/^\./, '');
  const said: Partial<Record<Fault['reason'], string>> = {
    FieldValueForbidden: `Forbidden: ${message}`,
    FieldValueRequired: `Required value: ${message}`,
    FieldValueDuplicate: `Duplicate value${shown(schema, value)}`,
  };
  return { field: field === '' ? '<nil>' : field, reason, text: said[reason] ?? `Invalid value${shown(schema, value)}: ${message}` };
}

/** A rule that could not be run is told with the type in place of the value. */
function broken(schema: Schema, message: string, path: string): Fault {
  return {
    field: path === '' ? '<nil>' : path,
    reason: 'FieldValueInvalid',
    text: `Invalid value: ${JSON.stringify(text(schema.type))}: ${message}`,
  };
}

function ruleMessage(rule: CelRule, context: Dict): string {
  if (rule.messageExpression !== undefined) {
    const expression = compile(rule.messageExpression);
    try {
      if (!(expression instanceof Error)) return text(expression(context));
    } catch {
      // A message that cannot be computed falls back to the fixed one, as on the real server.
    }
  }
  return rule.message ?? `failed rule: ${rule.rule.trim()}`;
}

function runRule(schema: Schema, rule: CelRule, value: unknown, context: Dict, path: string): Fault | undefined {
  const program = compile(rule.rule);
  if (program instanceof Error) return broken(schema, `rule compile error: compilation failed: ${program.message}`, path);
  try {
    return program(context) === true ? undefined : failure(schema, rule, value, ruleMessage(rule, context), path);
  } catch (error) {
    return broken(schema, `${(error as Error).message} evaluating rule: ${rule.message ?? rule.rule.trim()}`, path);
  }
}

/** A rule with optionalOldSelf sees an optional, which is empty at creation. */
function optionalOld(rule: CelRule, context: Dict): Dict {
  if (rule.optionalOldSelf !== true) return context;
  const old = context['oldSelf'];
  return { ...context, oldSelf: old === undefined ? Optional.none() : Optional.of(old) };
}

function rulesAt(schema: Schema, value: unknown, old: unknown, path: string, faults: Fault[]): void {
  const rules = schema['x-kubernetes-validations'];
  if (rules === undefined) return;
  const context: Dict = { self: celValue(schema, value) };
  if (old !== undefined) context['oldSelf'] = celValue(schema, old);
  for (const rule of rules) {
    const transition = usesOld(rule.rule);
    if (transition && old === undefined && rule.optionalOldSelf !== true) continue;
    // Ratcheting: a plain rule is not run again over an unchanged value.
    if (!transition && old !== undefined && equal(value, old)) continue;
    const fault = runRule(schema, rule, value, optionalOld(rule, context), path);
    if (fault !== undefined) faults.push(fault);
  }
}

function walk(schema: Schema, value: unknown, old: unknown, path: string, faults: Fault[]): void {
  if (value === null || value === undefined) return;
  rulesAt(schema, value, old, path, faults);
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    value.forEach((item, index) => walk(items, item, oldItem(schema, old, item), `${path}[${index}]`, faults));
    return;
  }
  if (!isDict(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const child = childSchema(schema, key);
    if (child === undefined) continue;
    const at = schema.properties?.[key] === undefined ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    walk(child, item, isDict(old) ? old[key] : undefined, at, faults);
  }
}

/** Runs every x-kubernetes-validations rule of the schema over the value. */
export function validateRules(schema: Schema, value: unknown, old?: unknown): Fault[] {
  const faults: Fault[] = [];
  walk(schema, value, old, '', faults);
  return faults;
}

/** Whether any rule stands anywhere in the schema. */
export function hasRules(schema: Schema): boolean {
  if ((schema['x-kubernetes-validations'] ?? []).length > 0) return true;
  const children = Object.values(schema.properties ?? {});
  if (schema.items !== undefined) children.push(schema.items);
  if (typeof schema.additionalProperties === 'object') children.push(schema.additionalProperties);
  return children.some(hasRules);
}
