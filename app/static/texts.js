// The interface's two languages, and which of them is spoken.

const TEXTS = {
  de: {
    skip: "Zu den Ergebnissen",
    home: "Vitrine, zur Startseite",
    languages: "Sprache",
    headline: "Finden, was Ihnen vorschwebt.",
    subline: "In eigenen Worten oder mit einem Bild.",
    search: "Artikelsuche",
    search_label: "Wonach suchen Sie?",
    placeholder: "Rotes Sommerkleid …",
    placeholder_picture: "Worte dazu: „in Blau“",
    submit: "Suchen",
    pick: "Mit einem Bild suchen",
    your_picture: "Ihr Bild",
    forget: "Bild entfernen",
    examples: "Zum Beispiel",
    example_queries: ["rotes Kleid", "gestreiftes Hemd", "warme Winterjacke", "weiße Turnschuhe", "Bluse mit Blumen", "blaue Jeans"],
    invite: "Oder ein Bild hierher ziehen, einfügen oder auswählen",
    drop: "Bild hier ablegen",
    words_title: (words) => `„${words}“`,
    picture_title: "Ähnlich wie Ihr Bild",
    picture_words_title: (words) => `Ähnlich wie Ihr Bild, „${words}“`,
    similar_title: (title) => `Ähnlich wie ${title}`,
    results: "Ergebnisse",
    searching: "Wird gesucht …",
    count: (shown, total, time) => `Die besten ${shown} von ${total} Artikeln in ${time}`,
    count_all: (total, time) => `${total} Artikel in ${time}`,
    nothing: "Dazu gibt es hier noch keine Artikel.",
    reading: "Wie das Modell die Anfrage liest",
    pieces: (n, unknown) => `${n === 1 ? "1 Teil" : `${n} Teile`}, ${unknown ? `davon ${unknown} unbekannt (?)` : "alle bekannt"}`,
    no_pieces: "Das Modell liest davon nichts.",
    piece_unknown: "Unbekannt: Das Modell kann dieses Teil von keinem anderen unbekannten unterscheiden.",
    word_start: "Hier beginnt ein Wort",
    cut: "Den Rest liest das Modell nicht.",
    compare: "Antworten zweier Modelle vergleichen",
    compare_title: (words) => `„${words}“ im Vergleich`,
    single: "Vergleich beenden",
    left: "Modell links",
    right: "Modell rechts",
    overlap: (n, of) => `${n} von ${of} Artikeln stehen auf beiden Seiten.`,
    only_here: "nur hier",
    moved: (n) => (n === 0 ? "gleicher Platz wie links" : `${Math.abs(n) === 1 ? "1 Platz" : `${Math.abs(n)} Plätze`} ${n > 0 ? "höher" : "tiefer"} als links`),
    more: "Mehr laden",
    filters: "Filter",
    filters_active: (n) => (n === 1 ? "1 Filter aktiv" : `${n} Filter aktiv`),
    chips: "Wonach gesucht wird",
    chosen: "gewählt",
    reset: "Alle zurücksetzen",
    show_items: (n) => `${n} Artikel zeigen`,
    show_all: "Artikel zeigen",
    within: (name) => `In ${name} suchen`,
    no_value: "Kein solcher Wert.",
    all_values: (n) => `Alle ${n} zeigen`,
    fewer: "Weniger zeigen",
    lowest: (name) => `${name} von`,
    highest: (name) => `${name} bis`,
    range: (low, high) => (low === null ? `bis ${high}` : high === null ? `ab ${low}` : `${low} bis ${high}`),
    only_in_stock: "Nur lieferbare",
    counted_all: "Die Zahlen gelten für alle Artikel, nicht nur für die passenden.",
    drop_filter: (name) => `${name}: Filter entfernen`,
    without: "ohne",
    take_words: (words) => `${words}: nicht mehr ausschließen`,
    literal: "Wortwörtlich",
    understand: "Wortwörtlich: Ausschlüsse wieder verstehen",
    everything: "Auch was kaum passt",
    fitting_only: "Auch was kaum passt: nur noch Passendes zeigen",
    read_as: (words) => `verstanden als „${words}“`,
    variants: "Varianten",
    more_variants: (n) => `${n} weitere Varianten`,
    twins: (shown, n) => (n === 1 ? "+1 fast gleicher" : `+${shown} fast gleiche`),
    unfitting: "Nichts Passendes gefunden",
    unfitting_hint: (total) => `Keiner der ${total} Artikel passt gut genug dazu. Andere Worte helfen vielleicht.`,
    show_anyway: "Trotzdem zeigen",
    filtered_out: "Mit diesen Filtern gibt es nichts",
    filtered_out_hint: "Mit weniger Filtern gibt es wieder etwas zu sehen.",
    end_fitting: "Mehr Passendes gibt es nicht.",
    search_again: "Neu suchen",
    relevance: "Passt wahrscheinlich",
    relevance_title: "Wie wahrscheinlich dieser Treffer gemeint ist",
    loading: "Wird geladen …",
    similar: "Ähnliche",
    similar_to: (title) => `Ähnliche Artikel wie ${title}`,
    similar_items: "Ähnliche Artikel",
    score: "Ähnlichkeit",
    score_title: "Ähnlichkeit (Kosinus): 1 wäre vollkommen gleich",
    close: "Schließen",
    pictures: "Bilder",
    picture_n: (n, of) => `Bild ${n} von ${of}`,
    again: "Noch einmal versuchen",
    other_picture: "Ein anderes Bild wählen",
    yes: "ja",
    no: "nein",
    fields: {
      price: "Preis", sale_price: "Angebotspreis", colour: "Farbe", color: "Farbe", kind: "Art", type: "Art", pattern: "Muster",
      product: "Produkt", product_type: "Warengruppe", sizes: "Größen", size: "Größe", in_stock: "Lieferbar", availability: "Lieferbar",
      description: "Beschreibung", brand: "Marke", material: "Material", gender: "Geschlecht", section: "Abteilung", department: "Abteilung", category: "Kategorie", age_group: "Alter", season: "Saison", rating: "Bewertung", weight: "Gewicht", year: "Jahr", link: "Im Shop",
    },
    problems: {
      offline: ["Keine Verbindung", "Der Dienst ist gerade nicht zu erreichen. Bitte die Verbindung prüfen und noch einmal versuchen."],
      no_index: ["Noch kein Index", "Hier ist noch kein Katalog eingelesen. Sobald er fertig ist, kann gesucht werden."],
      too_busy: ["Gerade viel los", "Bitte in einem Augenblick noch einmal versuchen."],
      too_large: ["Das Bild ist zu groß", "Höchstens 10 MB und 40 Megapixel, bitte."],
      image_unreadable: ["Das Bild lässt sich nicht lesen", "Möglich sind JPEG, PNG, WebP, GIF, BMP, TIFF und AVIF."],
      query_too_long: ["Die Anfrage ist zu lang", "Höchstens 1.000 Zeichen, bitte."],
      tower_not_found: ["Dieses Modell gibt es hier nicht", "Bitte ein anderes wählen."],
      space_mismatch: ["Dieses Modell passt nicht zum Index", "Bitte ein anderes wählen."],
      unknown_field: ["Diesen Filter gibt es hier nicht", "Der Katalog hat dieses Feld nicht oder nicht mehr."],
      bad_value: ["Dieser Filter passt nicht", "Der Katalog hat in diesem Feld andere Werte."],
      cursor_expired: ["Der Katalog wurde gerade erneuert", "Eine neue Suche zeigt, was es jetzt gibt."],
      item_not_found: ["Diesen Artikel gibt es nicht mehr", "Vielleicht hilft eine neue Suche."],
      other: ["Das hat nicht geklappt", "Bitte noch einmal versuchen."],
    },
  },
  en: {
    skip: "Skip to the results",
    home: "Vitrine, to the start page",
    languages: "Language",
    headline: "Find what you have in mind.",
    subline: "In your own words, or with a picture.",
    search: "Item search",
    search_label: "What are you looking for?",
    placeholder: "Red summer dress …",
    placeholder_picture: "Add words: “in blue”",
    submit: "Search",
    pick: "Search with a picture",
    your_picture: "Your picture",
    forget: "Remove the picture",
    examples: "For example",
    example_queries: ["red dress", "striped shirt", "warm winter jacket", "white trainers", "blouse with flowers", "blue jeans"],
    invite: "Or drag a picture here, paste one, or choose one",
    drop: "Drop the picture here",
    words_title: (words) => `“${words}”`,
    picture_title: "Similar to your picture",
    picture_words_title: (words) => `Similar to your picture, “${words}”`,
    similar_title: (title) => `Similar to ${title}`,
    results: "Results",
    searching: "Searching …",
    count: (shown, total, time) => `The best ${shown} of ${total} items in ${time}`,
    count_all: (total, time) => `${total} items in ${time}`,
    nothing: "There are no items for this yet.",
    reading: "How the model reads the query",
    pieces: (n, unknown) => `${n === 1 ? "1 piece" : `${n} pieces`}, ${unknown ? `${unknown} of them unknown (?)` : "all known"}`,
    no_pieces: "The model reads nothing of it.",
    piece_unknown: "Unknown: the model cannot tell this piece from any other that it does not know.",
    word_start: "A word begins here",
    cut: "The model does not read the rest.",
    compare: "Compare the answers of two models",
    compare_title: (words) => `“${words}” compared`,
    single: "End the comparison",
    left: "Model on the left",
    right: "Model on the right",
    overlap: (n, of) => `${n} of ${of} items are on both sides.`,
    only_here: "only here",
    moved: (n) => (n === 0 ? "same place as on the left" : `${Math.abs(n) === 1 ? "1 place" : `${Math.abs(n)} places`} ${n > 0 ? "higher" : "lower"} than on the left`),
    more: "Load more",
    filters: "Filters",
    filters_active: (n) => (n === 1 ? "1 active filter" : `${n} active filters`),
    chips: "What is looked for",
    chosen: "chosen",
    reset: "Reset all",
    show_items: (n) => `Show ${n} items`,
    show_all: "Show items",
    within: (name) => `Search in ${name}`,
    no_value: "No such value.",
    all_values: (n) => `Show all ${n}`,
    fewer: "Show fewer",
    lowest: (name) => `${name} from`,
    highest: (name) => `${name} to`,
    range: (low, high) => (low === null ? `up to ${high}` : high === null ? `from ${low}` : `${low} to ${high}`),
    only_in_stock: "In stock only",
    counted_all: "The numbers are of all items, not only of those that fit.",
    drop_filter: (name) => `${name}: remove this filter`,
    without: "without",
    take_words: (words) => `${words}: no longer exclude`,
    literal: "Taken literally",
    understand: "Taken literally: understand exclusions again",
    everything: "Poor matches, too",
    fitting_only: "Poor matches, too: show only what fits",
    read_as: (words) => `read as “${words}”`,
    variants: "Variants",
    more_variants: (n) => `${n} more variants`,
    twins: (shown, n) => (n === 1 ? "+1 nearly the same" : `+${shown} nearly the same`),
    unfitting: "Nothing that fits",
    unfitting_hint: (total) => `None of the ${total} items fits well enough. Other words may help.`,
    show_anyway: "Show them anyway",
    filtered_out: "Nothing passes these filters",
    filtered_out_hint: "With fewer filters there will be something to see.",
    end_fitting: "Nothing else fits.",
    search_again: "Search again",
    relevance: "Probably fits",
    relevance_title: "How probable it is that this hit is meant",
    loading: "Loading …",
    similar: "Similar",
    similar_to: (title) => `Items similar to ${title}`,
    similar_items: "Similar items",
    score: "Similarity",
    score_title: "Similarity (cosine): 1 would be exactly alike",
    close: "Close",
    pictures: "Pictures",
    picture_n: (n, of) => `Picture ${n} of ${of}`,
    again: "Try again",
    other_picture: "Choose another picture",
    yes: "yes",
    no: "no",
    fields: {
      price: "Price", sale_price: "Sale price", colour: "Colour", color: "Colour", kind: "Kind", type: "Kind", pattern: "Pattern",
      product: "Product", product_type: "Product type", sizes: "Sizes", size: "Size", in_stock: "In stock", availability: "Availability",
      description: "Description", brand: "Brand", material: "Material", gender: "Gender", section: "Section", department: "Department", category: "Category", age_group: "Age", season: "Season", rating: "Rating", weight: "Weight", year: "Year", link: "In the shop",
    },
    problems: {
      offline: ["No connection", "The service cannot be reached at the moment. Please check your connection and try again."],
      no_index: ["No index yet", "No catalogue has been read here yet. As soon as it is ready, you can search."],
      too_busy: ["Very busy right now", "Please try again in a moment."],
      too_large: ["The picture is too large", "10 MB and 40 megapixels at most, please."],
      image_unreadable: ["The picture cannot be read", "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF will do."],
      query_too_long: ["The query is too long", "1,000 characters at most, please."],
      tower_not_found: ["This model is not here", "Please choose another one."],
      space_mismatch: ["This model does not fit the index", "Please choose another one."],
      unknown_field: ["This filter is not here", "The catalogue does not have this field, or not any more."],
      bad_value: ["This filter does not fit", "The catalogue has other values in this field."],
      cursor_expired: ["The catalogue has just been renewed", "A new search shows what there is now."],
      item_not_found: ["This item is no longer here", "A new search may help."],
      other: ["That did not work", "Please try again."],
    },
  },
};

/** Adds the texts of another page; where a name is taken, theirs are meant. */
export function extend(texts) {
  for (const [name, more] of Object.entries(texts)) {
    const problems = { ...TEXTS[name].problems, ...more.problems };
    Object.assign(TEXTS[name], more, { problems });
  }
}

/** @returns {"de" | "en"} the visitor's last choice, else the browser's; German for everybody else */
function firstLanguage() {
  const wanted = [stored(), navigator.language?.slice(0, 2).toLowerCase()];
  return wanted.find((language) => Object.hasOwn(TEXTS, language ?? "")) ?? "de";
}

// Storage may be forbidden (private windows, cookie settings); the page works without it.
function stored() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null;
  }
}

export let language = firstLanguage();

export function setLanguage(wanted) {
  language = wanted;
  try {
    localStorage.setItem("language", wanted);
  } catch {
    // Then it holds for this visit only.
  }
}

/** The text of that name; one with gaps is filled with `parts`. */
export function text(name, ...parts) {
  const found = TEXTS[language][name];
  return typeof found === "function" ? found(...parts) : found;
}

/** What the interface calls a field; a shop's own fields keep their names. */
export function fieldName(key) {
  const names = TEXTS[language].fields;
  if (Object.hasOwn(names, key)) return names[key];
  const words = key.replace(/^g:/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @returns {[string, string]} a heading and a sentence for a problem's code */
export function problemText(code) {
  const known = TEXTS[language].problems;
  return Object.hasOwn(known, code) ? known[code] : known.other;
}

/** Puts the language over the fixed texts of the page. */
export function translate(root) {
  document.documentElement.lang = language;
  for (const el of root.querySelectorAll("[data-text]")) el.textContent = text(el.dataset.text);
  for (const el of root.querySelectorAll("[data-label]")) el.setAttribute("aria-label", text(el.dataset.label));
  for (const el of root.querySelectorAll("[data-placeholder]")) el.placeholder = text(el.dataset.placeholder);
  for (const el of root.querySelectorAll("[data-language]")) el.setAttribute("aria-pressed", el.dataset.language === language);
}
