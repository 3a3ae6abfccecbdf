// What is asked of the service for what a visitor looks for.

import * as api from "./api.js";
import * as catalogues from "./catalogue.js";
import * as filters from "./filter.js";

/**
 * Below this probability of being right, a hit is left out unless the visitor wants to see everything. How much
 * nonsense finds nothing by it, and how few real queries lose their item: docs/search.md.
 */
const MIN_RELEVANCE = 0.05;

// Whether the tower that answers can tell how probable a hit is: it says no by refusing to.
let calibrated = true;

/**
 * @param {import("./address.js").View} view
 * @param {catalogues.Catalogue} catalogue
 * @returns {object} for api.search
 */
export function compose(view, catalogue) {
  const { words, picture, similar } = view;
  const query = picture ? { file: picture, text: words || undefined } : { query: similar ? [{ item: similar }] : words };
  return {
    ...query,
    limit: api.PAGE,
    filter: filters.asked(view.filter, catalogue.fields),
    facets: counted(view, catalogue),
    collapse: catalogue.collapse ?? undefined,
    exclusion: view.literal ? false : undefined,
    min_relevance: canCut(view) ? MIN_RELEVANCE : undefined,
  };
}

/** The first hit for these words, for an example of them; null where nothing fits. */
export async function first(words, options) {
  const { answer } = await send({ query: words, limit: 1, min_relevance: calibrated ? MIN_RELEVANCE : undefined }, options);
  return answer.hits[0] ?? null;
}

/** The fields that are counted for a view. */
export const counted = (view, catalogue) => catalogues.facets(catalogue, view.filter).map((facet) => facet.field);

/** Only of one text is the probability known. */
const canCut = ({ words, picture, similar, everything }) => Boolean(words) && !picture && !similar && !everything && calibrated;

/**
 * The answer, and the request that it is the answer to: further pages are asked for by the same one.
 * @returns {Promise<{answer: object, request: object}>}
 */
export async function send(request, options) {
  try {
    return { answer: await api.search(request, options), request };
  } catch (error) {
    if (error.code !== "bad_value" || request.min_relevance === undefined) throw error;
    const uncut = { ...request, min_relevance: undefined };
    const answer = await api.search(uncut, options);
    calibrated = false;
    return { answer, request: uncut };
  }
}
