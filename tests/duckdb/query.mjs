// Asks DuckDB about an export: node query.mjs DIR. Prints a JSON array with one object a kind and day.
import { DuckDBInstance } from '@duckdb/node-api';

const files = `${process.argv[2]}/**/*.parquet`.replaceAll("'", "''");
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
const reader = await connection.runAndReadAll(`
  SELECT kind, strftime(day, '%Y-%m-%d') AS day, count(*)::INTEGER AS rows,
    sum(value_micros)::VARCHAR AS value_micros, sum(len(match_keys))::INTEGER AS match_keys,
    count(*) FILTER (WHERE restricted_data_use)::INTEGER AS restricted,
    strftime(min("at") AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') AS first
  FROM read_parquet('${files}', hive_partitioning=true) GROUP BY ALL ORDER BY kind, day`);
console.log(JSON.stringify(reader.getRowObjectsJson()));
