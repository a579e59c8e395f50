"""Published pages for tests: one that the real specification does not have."""

from typing import Final

CANDLES: Final = """# Get candles

```yaml _openapi/market-data-api.json GET /api/v1/markets/{market_id}/candles
openapi: 3.1.0
info:
  title: Allium Market Data API
  version: 0.1.0
servers:
  - url: https://api.allium.so
security:
  - APIKeyBearer: []
paths:
  /api/v1/markets/{market_id}/candles:
    get:
      summary: Get candles
      operationId: get_candles
      parameters:
        - $ref: '#/components/parameters/MarketIdPath'
        - {name: interval, in: query, required: true, schema: {type: string, enum: [1m, 1d], title: CandleInterval}}
      responses:
        '200':
          description: Candles.
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Candles'}
components:
  parameters:
    MarketIdPath:
      name: market_id
      in: path
      required: true
      description: Canonical market slug, {venue}:{instrument_type}:{pair}.
      schema:
        type: string
      example: hl:perp:BTC-USDC
  schemas:
    Candles:
      type: object
      properties: {open: {type: array, items: {type: string}}}
  securitySchemes:
    APIKeyBearer: {type: apiKey, in: header, name: X-API-KEY}
```
"""
