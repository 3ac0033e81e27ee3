import { GuestError } from "../core/errors.ts";

const LONGEST_ERROR = 500;

/** GuestError KUBE_API: there is no answer. */
export function apiError(reason: string, cause?: unknown): GuestError {
  return new GuestError(`the API server does not answer: ${reason}`, { code: "KUBE_API", cause });
}

/** The API server's answer is a refusal: `status` is HTTP's. Its own words are a Status object (k8s.io/apimachinery: pkg/apis/meta/v1/types.go). */
export class KubeStatusError extends GuestError {
  readonly status: number;

  constructor(status: number, path: string, said: string) {
    super(`the API server answers ${status} to ${path.split("?")[0]}: ${said.slice(0, LONGEST_ERROR).trim()}`, {
      code: "KUBE_API",
    });
    this.status = status;
  }
}
