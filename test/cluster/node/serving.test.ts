import { servingCases } from "./support/serving-cases.ts";

servingCases(false);
