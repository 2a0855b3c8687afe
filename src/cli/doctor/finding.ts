import type { DoctorReason, Finding } from './contract.ts';

export function pass(check: string, message: string): Finding {
  return { level: 'PASS', check, message };
}

export function warn(check: string, reason: DoctorReason, message: string): Finding {
  return { level: 'WARN', check, reason, message };
}

export function fail(check: string, reason: DoctorReason, message: string): Finding {
  return { level: 'FAIL', check, reason, message };
}
