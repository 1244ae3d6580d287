import type { SerializedError } from "@reduxjs/toolkit";
import type { FetchBaseQueryError } from "@reduxjs/toolkit/query";
import type { ConfigError } from "./generated";
import type { Code } from "./words";

/** A problem document, with the members that belong to some of its codes. */
export interface Problem {
  /** Of the API, or one of the two for an answer that is no problem document. */
  code: Code | "unreachable" | "unknown";
  detail: string;
  missingPhases?: string[];
  errors?: ConfigError[];
  totalErrors?: number;
  /** The phases that keep a resource from being deleted. */
  usedBy?: { campaignId: string; name: string; phase: string }[];
}

type Failure = FetchBaseQueryError | SerializedError | undefined;

const UNREACHABLE: Problem = {
  code: "unreachable",
  detail: "The server can't be reached. What runs there goes on by itself; this page reconnects.",
};

/** What went wrong, whatever it was. */
export function problemOf(error: Failure): Problem {
  if (error && "status" in error) {
    const data = error.data;
    if (typeof data === "object" && data !== null && "code" in data && "detail" in data) {
      return data as Problem;
    }
    if (error.status === "FETCH_ERROR" || error.status === "TIMEOUT_ERROR") {
      return UNREACHABLE;
    }
    return { code: "unknown", detail: `The server gave an answer that can't be read (${error.status}).` };
  }
  return { code: "unknown", detail: error?.message ?? "Something went wrong." };
}
