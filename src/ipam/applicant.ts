import type { ServiceView } from '../cluster/service.ts';
import type { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import type { Tenant } from './sharing.ts';

/** One Service in front of the desk. */
export interface Applicant {
  readonly service: ServiceView;
  readonly tenant: Tenant;
  readonly request: Request | Refusal;
}
