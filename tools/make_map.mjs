// Makes world.svg (the land, one path) and world.json (outline and centre of each country) from world-atlas.
//
// In an empty folder:  npm install world-atlas@2 topojson-client@3 d3-geo@3 && node REPOSITORY/tools/make_map.mjs
// The projection is Natural Earth I on a canvas of 960 x 480; world_map.py has the same formula for a site's own place.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { geoArea, geoCentroid, geoNaturalEarth1, geoPath } = require("d3-geo");
const { feature, merge } = require("topojson-client");
const atlas = (detail) => JSON.parse(readFileSync(require.resolve(`world-atlas/countries-${detail}m.json`)));
const [coarse, fine] = [atlas(110), atlas(50)];

const projection = geoNaturalEarth1().scale(170).translate([480, 262]);
const draw = geoPath(projection).digits(1);
const here = (name) => new URL(`../src/domicile/web/${name}`, import.meta.url);
const ANTARCTICA = "010";

// A country's dot stands in the middle of its largest part, not in the sea between its islands.
function centre({ geometry }) {
  const parts = geometry.type === "MultiPolygon" ? geometry.coordinates : [geometry.coordinates];
  const polygons = parts.map((coordinates) => ({ type: "Polygon", coordinates }));
  const largest = polygons.reduce((a, b) => (geoArea(a) >= geoArea(b) ? a : b));
  return geoCentroid(largest).map((degrees) => Math.round(degrees * 10) / 10);
}

const features = (world) => feature(world, world.objects.countries).features.filter(({ id }) => id);
const countries = {};
for (const country of features(fine)) countries[country.id] = { at: centre(country), outline: null };
for (const country of features(coarse)) countries[country.id] = { at: centre(country), outline: draw(country) };

const shown = coarse.objects.countries.geometries.filter(({ id }) => id !== ANTARCTICA);
const land = `<path id="land" d="${draw(merge(coarse, shown))}"/>`;
const canvas = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 480" fill="currentColor">${land}</svg>\n`;
writeFileSync(here("static/world.svg"), canvas);
writeFileSync(here("world.json"), JSON.stringify(countries) + "\n");
