/** What the adapters use of the peers, so that the repository can be checked without installing them. */

declare module "openworkflow" {
  type Spec<Input> = { readonly name: string; readonly version?: string; readonly of?: Input };
  type Tools = {
    readonly run: (config: { readonly name: string }, call: () => Promise<number>) => Promise<number>;
    readonly runWorkflow: <Input>(spec: Spec<Input>, input: Input, options: { readonly name: string }) => Promise<unknown>;
    readonly waitForSignal: (options: { readonly signal: string }) => Promise<unknown>;
  };
  type Runnable<Input, Output> = {
    readonly workflow: { readonly spec: Spec<Input> };
    readonly run: (
      input: Input,
      options?: { readonly idempotencyKey?: string },
    ) => Promise<{ readonly result: () => Promise<Output> }>;
  };
  export class OpenWorkflow {
    constructor(options: { readonly backend: unknown });
    defineWorkflow<Input, Output>(
      spec: { readonly name: string },
      body: (given: { readonly input: Input; readonly step: Tools }) => Promise<Output>,
    ): Runnable<Input, Output>;
    newWorker(options: { readonly concurrency: number }): {
      readonly start: () => Promise<void>;
      readonly stop: () => Promise<void>;
    };
    sendSignal(options: { readonly signal: string; readonly data?: number }): Promise<unknown>;
  }
}

declare module "openworkflow/postgres" {
  export class BackendPostgres {
    static connect(url: string): Promise<BackendPostgres>;
    stop(): Promise<void>;
  }
}

declare module "openworkflow/sqlite" {
  export class BackendSqlite {
    static connect(path: string): BackendSqlite;
    stop(): Promise<void>;
  }
}

declare module "@dbos-inc/dbos-sdk" {
  type Handle<Output> = { readonly workflowID: string; readonly getResult: () => Promise<Output> };
  type Body = (input: number) => Promise<number>;
  export const DBOS: {
    readonly setConfig: (config: {
      readonly name: string;
      readonly systemDatabaseUrl: string;
      readonly systemDatabasePoolSize: number;
      readonly logLevel: string;
    }) => void;
    readonly launch: () => Promise<void>;
    readonly shutdown: () => Promise<void>;
    readonly registerWorkflow: (body: Body, options: { readonly name: string }) => Body;
    readonly startWorkflow: (body: Body) => (input: number) => Promise<Handle<number>>;
    readonly retrieveWorkflow: (id: string) => Handle<unknown>;
    readonly runStep: (call: () => Promise<number>, options: { readonly name: string }) => Promise<number>;
    readonly send: (id: string, message: number, topic: string) => Promise<void>;
    readonly recv: (topic: string, seconds: number) => Promise<unknown>;
  };
}

declare module "absurd-sdk" {
  export type TaskContext = {
    readonly step: <T>(name: string, call: () => Promise<T>) => Promise<T>;
    readonly awaitEvent: (name: string) => Promise<unknown>;
    readonly awaitTaskResult: (id: string, options: { readonly queue: string }) => Promise<unknown>;
  };
  export class Absurd {
    constructor(options: { readonly db: string; readonly queueName?: string });
    createQueue(name: string): Promise<void>;
    registerTask<Input>(options: { readonly name: string }, body: (input: Input, ctx: TaskContext) => Promise<unknown>): void;
    startWorker(options: { readonly concurrency: number; readonly pollInterval: number }): Promise<{ close(): Promise<void> }>;
    spawn(name: string, input: unknown): Promise<{ readonly taskID: string }>;
    awaitTaskResult(id: string): Promise<unknown>;
    emitEvent(name: string, payload: number): Promise<void>;
    close(): Promise<void>;
  }
}

declare module "bunqueue/workflow" {
  export class Workflow {
    constructor(name: string);
    readonly name: string;
    step(name: string, call: () => Promise<number>): Workflow;
    waitFor(event: string): Workflow;
    subWorkflow(name: string, input: () => unknown, options: { readonly pollInterval: number }): Workflow;
  }
  export class Engine {
    constructor(options: { readonly embedded: boolean; readonly dataPath: string; readonly concurrency: number });
    onAny(listener: (event: { readonly type: string; readonly executionId: string }) => void): Engine;
    register(workflow: Workflow): Engine;
    start(name: string, input: unknown): Promise<{ readonly id: string }>;
    signal(id: string, event: string, payload: number): Promise<void>;
    recover(): Promise<unknown>;
    close(force: boolean): Promise<void>;
  }
}
