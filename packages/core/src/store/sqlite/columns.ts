/** The columns of a run as the engine sees them. */
import { runs } from "./schema.ts";

export const runColumns = {
  key: runs.key,
  id: runs.id,
  workflow: runs.workflow,
  version: runs.version,
  status: runs.status,
  lease: runs.lease,
  worker: runs.worker,
  wakeAt: runs.wakeAt,
  strikes: runs.strikes,
  mail: runs.mail,
  cancel: runs.cancel,
  pause: runs.pause,
  reason: runs.reason,
  parent: runs.parent,
  parentKey: runs.parentKey,
  orphan: runs.orphan,
  correlation: runs.correlation,
  deadline: runs.deadline,
  tenant: runs.tenant,
  createdAt: runs.createdAt,
  endedAt: runs.endedAt,
};
